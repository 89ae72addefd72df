// ImportGraph: which source file imports what, read with the TypeScript parser. It knows nothing of rooms and rules.
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import ts from 'typescript';

/** Folders of sources, from the root. */
export const SOURCE_FOLDERS = ['engine', 'freeze', 'pipeline', 'cache', 'cli'];

/**
 * @typedef {object} Import
 * @property {string} from
 * @property {string} target A path from the root for our own files, else the name of a package.
 * @property {boolean} isOwn
 * @property {boolean} isTypeOnly Erased by the compiler: needs no code of the target.
 */

/**
 * All TypeScript files below `folders` of `root`, as paths from the root, with their texts.
 * @param {string} root
 * @param {readonly string[]} folders
 * @returns {Map<string, string>}
 */
export function readSources(root, folders = SOURCE_FOLDERS) {
  const files = folders.flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.ts'))
      .map((name) => join(folder, name)),
  );
  return new Map(files.sort().map((file) => [file, readFileSync(join(root, file), 'utf8')]));
}

/**
 * What one file imports, re-exports, loads when it runs, or names as a type.
 * @param {string} file
 * @param {string} text
 * @returns {Import[]}
 */
export function importsOf(file, text) {
  /** @type {Import[]} */
  const found = [];
  /** @type {(specifier: string, isTypeOnly: boolean) => void} */
  const add = (specifier, isTypeOnly) => {
    const isOwn = specifier.startsWith('.');
    const target = isOwn ? normalize(join(dirname(file), specifier)).replace(/\.js$/, '.ts') : specifier;
    found.push({ from: file, target, isOwn, isTypeOnly });
  };
  /** @type {(node: ts.Node) => void} */
  const visit = (node) => {
    if (ts.isImportDeclaration(node) && ts.isStringLiteral(node.moduleSpecifier)) {
      add(node.moduleSpecifier.text, bringsOnlyTypes(node.importClause));
    } else if (
      ts.isExportDeclaration(node) &&
      node.moduleSpecifier !== undefined &&
      ts.isStringLiteral(node.moduleSpecifier)
    ) {
      add(node.moduleSpecifier.text, node.isTypeOnly);
    } else if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword) {
      const [specifier] = node.arguments;
      if (specifier !== undefined && ts.isStringLiteralLike(specifier)) add(specifier.text, false);
    } else if (
      ts.isImportTypeNode(node) &&
      ts.isLiteralTypeNode(node.argument) &&
      ts.isStringLiteral(node.argument.literal)
    ) {
      add(node.argument.literal.text, true);
    }
    ts.forEachChild(node, visit);
  };
  visit(ts.createSourceFile(file, text, ts.ScriptTarget.Latest, true));
  return found;
}

/** @param {ts.ImportClause | undefined} clause */
function bringsOnlyTypes(clause) {
  if (clause === undefined) return false;
  if (clause.isTypeOnly) return true;
  const named = clause.namedBindings;
  if (clause.name !== undefined || named === undefined || !ts.isNamedImports(named)) return false;
  return named.elements.length > 0 && named.elements.every((element) => element.isTypeOnly);
}

/**
 * Every cycle of a graph that a walk in depth meets, each as the path around it.
 * @param {ReadonlyMap<string, readonly string[]>} next
 * @returns {string[]}
 */
export function cyclesOf(next) {
  const done = new Set();
  /** @type {string[]} */
  const cycles = [];
  /** @type {(file: string, path: readonly string[]) => void} */
  const walk = (file, path) => {
    if (path.includes(file)) cycles.push([...path.slice(path.indexOf(file)), file].join(' -> '));
    else if (!done.has(file)) {
      for (const target of next.get(file) ?? []) walk(target, [...path, file]);
      done.add(file);
    }
  };
  for (const file of next.keys()) walk(file, []);
  return cycles;
}
