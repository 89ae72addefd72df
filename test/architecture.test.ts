// The architecture: what may import what, where packages live, how files are named, how long they are, and that every error code is documented.
import { readFileSync, readdirSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';
import { describe, expect, test } from 'vitest';

const ROOT = join(dirname(fileURLToPath(import.meta.url)), '..');
const MAX_LINES = 400;

interface Import {
  readonly from: string;
  /** A path from the root for our own files, else the name of a package. */
  readonly target: string;
  readonly isOwn: boolean;
  /** Erased by the compiler: needs no code of the target. */
  readonly isTypeOnly: boolean;
}

const SOURCES = ['engine', 'freeze', 'pipeline', 'cache', 'cli'].flatMap((folder) =>
  readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts'))
    .map((name) => join(folder, name)),
);
const textOf = new Map(SOURCES.map((file) => [file, readFileSync(join(ROOT, file), 'utf8')]));

function importsOf(file: string): Import[] {
  const found: Import[] = [];
  const add = (specifier: string, isTypeOnly: boolean): void => {
    const isOwn = specifier.startsWith('.');
    const target = isOwn ? normalize(join(dirname(file), specifier)).replace(/\.js$/, '.ts') : specifier;
    found.push({ from: file, target, isOwn, isTypeOnly });
  };
  const visit = (node: ts.Node): void => {
    if (ts.isImportDeclaration(node) && ts.isStringLiteral(node.moduleSpecifier)) {
      const clause = node.importClause;
      const named = clause?.namedBindings;
      const areAllTypes = named !== undefined && ts.isNamedImports(named) && named.elements.length > 0 && named.elements.every((element) => element.isTypeOnly) && clause?.name === undefined;
      add(node.moduleSpecifier.text, clause?.isTypeOnly === true || areAllTypes);
    } else if (ts.isExportDeclaration(node) && node.moduleSpecifier !== undefined && ts.isStringLiteral(node.moduleSpecifier)) {
      add(node.moduleSpecifier.text, node.isTypeOnly);
    } else if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword) {
      const [specifier] = node.arguments;
      if (specifier !== undefined && ts.isStringLiteral(specifier)) add(specifier.text, false);
    } else if (ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument) && ts.isStringLiteral(node.argument.literal)) {
      add(node.argument.literal.text, true);
    }
    ts.forEachChild(node, visit);
  };
  visit(ts.createSourceFile(file, textOf.get(file) ?? '', ts.ScriptTarget.Latest, true));
  return found;
}

const IMPORTS = SOURCES.flatMap(importsOf);

/** Lower layers come first; a file imports from its own layer or from lower ones. */
const LAYERS: readonly { readonly name: string; readonly holds: (file: string) => boolean }[] = [
  // The vocabulary of a run: plain schemas and constants that everybody may speak of.
  { name: 'core', holds: (file) => file.startsWith('engine/core/') },
  { name: 'engine/tensor', holds: (file) => file.startsWith('engine/tensor/') },
  // engine/index.ts is what a model file imports, so it stands where models stand.
  { name: 'engine/{model,data,comm}', holds: (file) => /^engine\/(model|data|comm|events)\//.test(file) || file === 'engine/index.ts' },
  { name: '{pipeline,freeze,cache,engine/dp}', holds: (file) => /^(pipeline|freeze|cache|engine\/dp)\//.test(file) },
  { name: 'engine', holds: (file) => /^engine\/[a-z]+\/[^/]+\.ts$/.test(file) },
  { name: 'cli', holds: (file) => file.startsWith('cli/') },
];

const layerOf = (file: string): number => LAYERS.findIndex(({ holds }) => holds(file));
const arrow = ({ from, target }: Import): string => `${from} -> ${target}`;

describe('imports', () => {
  test('every source file is in a layer, and every relative import names a source file', () => {
    expect(SOURCES.filter((file) => layerOf(file) < 0)).toEqual([]);
    expect(IMPORTS.filter(({ isOwn, target }) => isOwn && !textOf.has(target)).map(arrow)).toEqual([]);
    // An empty list would pass every test below.
    expect(IMPORTS.length).toBeGreaterThan(SOURCES.length);
  });

  test('run one way: cli -> engine -> {pipeline, freeze, cache, dp} -> {model, data, comm} -> tensor -> core', () => {
    expect(IMPORTS.filter(({ from, target, isOwn }) => isOwn && layerOf(target) > layerOf(from)).map(arrow)).toEqual([]);
  });

  test('freeze, pipeline and cache do not know each other', () => {
    const part = (file: string): string | undefined => /^(freeze|pipeline|cache)\//.exec(file)?.[1];
    expect(IMPORTS.filter(({ from, target, isOwn }) => isOwn && part(from) !== undefined && part(target) !== undefined && part(from) !== part(target)).map(arrow)).toEqual([]);
  });

  test('form no cycle', () => {
    // A type-only import needs no code of the other file, so it cannot make a load order impossible.
    const next = new Map(SOURCES.map((file) => [file, IMPORTS.filter(({ from, isOwn, isTypeOnly }) => from === file && isOwn && !isTypeOnly).map(({ target }) => target)]));
    const done = new Set<string>();
    const cycles: string[] = [];
    const walk = (file: string, path: readonly string[]): void => {
      if (path.includes(file)) cycles.push([...path.slice(path.indexOf(file)), file].join(' -> '));
      else if (!done.has(file)) {
        for (const target of next.get(file) ?? []) walk(target, [...path, file]);
        done.add(file);
      }
    };
    for (const file of SOURCES) walk(file, []);
    expect(cycles).toEqual([]);
  });
});

describe('packages stay behind their doors', () => {
  const outside = (packages: RegExp, door: RegExp, types: RegExp = /^$/): string[] =>
    IMPORTS.filter(({ from, target, isOwn, isTypeOnly }) => !isOwn && packages.test(target) && !door.test(from) && !(isTypeOnly && types.test(from))).map(arrow);

  test('TensorFlow.js, koffi and ONNX Runtime behind engine/tensor (models may speak of tensors as types)', () => {
    expect(outside(/^(#tfjs|@tensorflow\/|koffi|onnxruntime)/, /^engine\/tensor\//, /^engine\/model\//)).toEqual([]);
  });

  test('ws and msgpackr behind engine/comm', () => {
    expect(outside(/^(ws|msgpackr)$/, /^engine\/comm\//)).toEqual([]);
  });

  test('commander behind cli', () => {
    expect(outside(/^commander$/, /^cli\//)).toEqual([]);
  });

  test('only packages of package.json are imported', () => {
    const manifest = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { readonly dependencies: Record<string, string>; readonly imports: Record<string, string> };
    const known = [...Object.keys(manifest.dependencies), ...Object.keys(manifest.imports)];
    const isKnown = (target: string): boolean => target.startsWith('node:') || known.some((name) => target === name || target.startsWith(`${name}/`));
    expect(IMPORTS.filter(({ isOwn, target }) => !isOwn && !isKnown(target)).map(arrow)).toEqual([]);
  });

  test('the environment is read in cli alone', () => {
    expect(SOURCES.filter((file) => !file.startsWith('cli/') && /\bprocess\.env\b/.test(textOf.get(file) ?? ''))).toEqual([]);
  });
});

describe('files', () => {
  test(`have at most ${MAX_LINES} lines`, () => {
    expect(SOURCES.map((file) => [file, (textOf.get(file) ?? '').split('\n').length] as const).filter(([, lines]) => lines > MAX_LINES)).toEqual([]);
  });

  test('are named after a noun in kebab-case, not after a drawer', () => {
    expect(SOURCES.filter((file) => !/^[a-z0-9/-]+\.ts$/.test(file) || /(^|[/-])(utils?|helpers?|managers?|misc|common)(-|\.|\/)/.test(file))).toEqual([]);
  });

  test('begin with a comment that says what they are', () => {
    expect(SOURCES.filter((file) => !(textOf.get(file) ?? '').replace(/^#!.*\n/, '').startsWith('// '))).toEqual([]);
  });

  test('have no default export', () => {
    expect(SOURCES.filter((file) => /^export default\b|\bas default\b/m.test(textOf.get(file) ?? ''))).toEqual([]);
  });
});

test('every error code has an entry in docs/errors.md, and every entry a code', () => {
  const used = new Set(SOURCES.flatMap((file) => [...(textOf.get(file) ?? '').matchAll(/'(PT_[A-Z0-9_]+)'/g)].map(([, code]) => code as string)));
  const documented = [...readFileSync(join(ROOT, 'docs/errors.md'), 'utf8').matchAll(/^### (PT_[A-Z0-9_]+)$/gm)].map(([, code]) => code as string);
  expect([...used].filter((code) => !documented.includes(code)).sort()).toEqual([]);
  expect(documented.filter((code) => !used.has(code))).toEqual([]);
  expect(documented).toEqual([...new Set(documented)].sort());
});
