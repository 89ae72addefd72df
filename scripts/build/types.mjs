// Types: the declarations that users of the package see, in dist/types. They stand alone: what they need of packages
// that are bundled, and so not installed, is copied beside them, and what they name of browsers is unknown. Only
// packages in `installed` stay imports.
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import ts from 'typescript';

/** What a user's project may have at its strictest and barest: no DOM, no types of Node. */
const BARE = {
  target: ts.ScriptTarget.ES2022,
  lib: ['lib.es2022.d.ts'],
  module: ts.ModuleKind.NodeNext,
  moduleResolution: ts.ModuleResolutionKind.NodeNext,
  types: [],
  strict: true,
  exactOptionalPropertyTypes: true,
  skipLibCheck: false,
  noEmit: true,
};
const CANNOT_FIND = new Set([2304, 2503, 2552, 2580, 2583, 2584]);

/**
 * @typedef {object} TypesOptions
 * @property {string} entry The declarations that the compiler wrote of the entry.
 * @property {string} from Folder that the compiler wrote to.
 * @property {string} to Folder to write to.
 * @property {readonly string[]} installed Packages that are installed with this one.
 * @property {Readonly<Record<string, string>>} inlined Declarations of the entry of each package to copy, by the
 *   specifiers that name it.
 * @property {Readonly<Record<string, string>>} added By files that are copied: what else they import, for what that
 *   declares of theirs.
 * @property {readonly string[]} globals Names of browsers and Node that installed packages take for granted; each is
 *   declared as an interface, which adds nothing to a project that has it.
 */

/**
 * Writes them, and returns the packages that were copied from, as folders.
 * @param {TypesOptions} options
 * @returns {readonly string[]}
 */
export function writeTypes({ entry, from, to, installed, inlined, added, globals }) {
  rmSync(to, { recursive: true, force: true });
  const packages = Object.values(inlined).map((file) => packageOf(file));
  /** @param {string} file */
  const placeOf = (file) => {
    const home = packages.find((folder) => file.startsWith(`${folder}/`));
    return home === undefined
      ? join(to, relative(from, file))
      : join(to, 'vendor', relative(join(home, '../..'), file).replace(/^@/, '').replace('/dist/', '/'));
  };
  /** @type {Map<string, string>} */
  const texts = new Map();
  const imported = new Map(Object.entries(added).map(([file, specifier]) => [resolve(file), specifier]));
  const waiting = [resolve(entry)];
  for (let file = waiting.pop(); file !== undefined; file = waiting.pop()) {
    const place = placeOf(file);
    if (texts.has(place)) continue;
    const more = imported.get(file);
    const own = readFileSync(file, 'utf8').replace(/^\/\/\/ <(reference|amd-module).*\n/gm, '');
    const text = more === undefined ? own : `${own}import '${more}';\n`;
    /** @type {[start: number, end: number, specifier: string][]} */
    const edits = [];
    for (const { text: specifier, start, end } of specifiersOf(file, text)) {
      const target = targetOf(specifier, file, inlined);
      if (target === null) {
        if (installed.includes(packageName(specifier))) continue;
        throw new Error(`${file} names ${specifier}, which is not installed with the package; add it to \`inlined\``);
      }
      waiting.push(target);
      const path = relative(dirname(place), placeOf(target)).replace(/\.d\.ts$/, '.js');
      edits.push([start, end, path.startsWith('.') ? path : `./${path}`]);
    }
    texts.set(place, replaced(text, edits));
  }
  for (const [place, text] of texts) {
    mkdirSync(dirname(place), { recursive: true });
    writeFileSync(place, text);
  }
  const lines = globals.map((name) => `  interface ${name} {}\n`).join('');
  const first = placeOf(resolve(entry));
  writeFileSync(first, `${texts.get(first)}declare global {\n${lines}}\n`);
  nameWhatIsUnknown(first, resolve(to));
  return packages;
}

/** @param {string} file Inside a package. */
const packageOf = (file) => {
  const found = /^.*\/node_modules\/(?:@[^/]+\/)?[^/]+/.exec(resolve(file));
  if (found === null) throw new Error(`${file} lies in no package`);
  return found[0];
};

/** @param {string} specifier */
const packageName = (specifier) => /^(?:@[^/]+\/)?[^/]+/.exec(specifier)?.[0] ?? specifier;

/**
 * Every module that a file of declarations names, be it by import, export, import() or a declared module, with its
 * place between the quotes.
 * @param {string} file
 * @param {string} text
 */
function specifiersOf(file, text) {
  const source = ts.createSourceFile(file, text, ts.ScriptTarget.ES2022, true);
  /** @type {{ text: string, start: number, end: number }[]} */
  const found = [];
  /** @param {ts.Node | undefined} node */
  const note = (node) => {
    if (node !== undefined && ts.isStringLiteral(node))
      found.push({ text: node.text, start: node.getStart(source) + 1, end: node.getEnd() - 1 });
  };
  /** @param {ts.Node} node */
  const visit = (node) => {
    if (ts.isImportDeclaration(node) || ts.isExportDeclaration(node)) note(node.moduleSpecifier);
    else if (ts.isModuleDeclaration(node)) note(node.name);
    else if (ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument)) note(node.argument.literal);
    ts.forEachChild(node, visit);
  };
  visit(source);
  return found;
}

/**
 * The file of declarations behind a specifier, or null where it stays a package.
 * @param {string} specifier
 * @param {string} file
 * @param {Readonly<Record<string, string>>} inlined
 */
function targetOf(specifier, file, inlined) {
  for (const [name, entry] of Object.entries(inlined)) {
    if (specifier === name) return resolve(entry);
    if (specifier.startsWith(`${name}/`)) return `${join(packageOf(entry), specifier.slice(name.length))}.d.ts`;
  }
  if (!specifier.startsWith('.')) return null;
  const { resolvedModule } = ts.resolveModuleName(
    specifier,
    file,
    { moduleResolution: ts.ModuleResolutionKind.Bundler, module: ts.ModuleKind.ESNext },
    ts.sys,
  );
  if (resolvedModule === undefined) throw new Error(`${file} names ${specifier}, which has no declarations`);
  return resolve(resolvedModule.resolvedFileName);
}

/**
 * @param {string} text
 * @param {readonly [start: number, end: number, by: string][]} edits
 */
const replaced = (text, edits) =>
  [...edits]
    .sort(([a], [b]) => b - a)
    .reduce((result, [start, end, by]) => result.slice(0, start) + by + result.slice(end), text);

/**
 * Declares, in each file that names it, what only a browser or Node has, so that no project needs their types. Throws
 * with the compiler's words where the declarations are wrong in any other way.
 * @param {string} entry
 * @param {string} to The folder that they are in.
 */
function nameWhatIsUnknown(entry, to) {
  /** @type {Map<string, Set<string>>} */
  const declared = new Map();
  /** @type {Map<string, ts.SourceFile | undefined>} */
  const read = new Map();
  for (const { code, file, start, length } of problemsOf(entry, to, read)) {
    if (!CANNOT_FIND.has(code) || file === undefined || start === undefined || length === undefined) continue;
    const name = file.text.slice(start, start + length);
    const isValue = /\btypeof\s+$/.test(file.text.slice(0, start));
    const lines = declared.get(file.fileName) ?? new Set();
    lines.add(isValue ? `declare const ${name}: unknown;` : `type ${name}<_ = unknown> = object;`);
    declared.set(file.fileName, lines);
  }
  for (const [file, lines] of declared) {
    writeFileSync(file, [readFileSync(file, 'utf8'), ...lines, 'export {};', ''].join('\n'));
    read.delete(file);
  }
  const left = problemsOf(entry, to, read);
  if (left.length === 0) return;
  const host = { getCurrentDirectory: () => '.', getCanonicalFileName: String, getNewLine: () => '\n' };
  throw new Error(`the declarations in ${to} do not stand alone:\n${ts.formatDiagnostics(left, host)}`);
}

/**
 * What the compiler says, with the files that it has read before and that are as they were.
 * @param {string} entry
 * @param {string} to Folder of the declarations to look at.
 * @param {Map<string, ts.SourceFile | undefined>} read
 */
function problemsOf(entry, to, read) {
  const host = ts.createCompilerHost(BARE);
  const parsed = host.getSourceFile.bind(host);
  host.getSourceFile = (file, ...rest) => {
    if (!read.has(file)) read.set(file, parsed(file, ...rest));
    return read.get(file);
  };
  const program = ts.createProgram([entry], BARE, host);
  // Of the libraries, which are others' business, only what is missing for ours.
  return program
    .getSourceFiles()
    .filter(({ fileName }) => fileName.startsWith(to))
    .flatMap((file) => [...program.getSyntacticDiagnostics(file), ...program.getSemanticDiagnostics(file)]);
}
