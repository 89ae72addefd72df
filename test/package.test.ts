// The package, as npm makes it of this build: what is in it, what it needs of others, under whose terms, and what the
// compiler of a user's project sees.
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { builtinModules } from 'node:module';
import { basename, dirname, join } from 'node:path';
import ts from 'typescript';
import { beforeAll, describe, expect, test } from 'vitest';
import { licencesOf, packageFolder } from '../scripts/build/licences.mjs';
import { readSources } from '../scripts/house/import-graph.mjs';
import { scratch, scratchWith } from './scratch.js';

const ROOT = join(import.meta.dirname, '..');
const read = (file: string): string => readFileSync(join(ROOT, file), 'utf8');
const manifest = JSON.parse(read('package.json')) as {
  readonly bin: Record<string, string>;
  readonly main: string;
  readonly types: string;
  readonly dependencies: Record<string, string>;
};
const DEPENDENCIES = Object.keys(manifest.dependencies);

/** Files that npm packs. */
let packed: string[];

/**
 * A folder that npm packs the same files of as of the checkout: all files but the manifest are empty, since npm chooses
 * by names, and would read and compress 120 MB to say so.
 */
function namesOfCheckout(): string {
  const folder = scratch();
  for (const name of readdirSync(ROOT).filter((entry) => entry !== 'node_modules' && entry !== '.git'))
    for (const file of filesBelow(name)) {
      mkdirSync(join(folder, dirname(file)), { recursive: true });
      writeFileSync(join(folder, file), /^(package\.json|\.(git|npm)ignore)$/.test(basename(file)) ? read(file) : '');
    }
  return folder;
}

function filesBelow(path: string): readonly string[] {
  const entries = statSync(join(ROOT, path)).isDirectory() ? readdirSync(join(ROOT, path)) : null;
  return entries === null ? [path] : entries.flatMap((name) => filesBelow(join(path, name)));
}

beforeAll(() => {
  const { stdout } = spawnSync('npm', ['pack', '--dry-run', '--json', '--ignore-scripts'], {
    cwd: namesOfCheckout(),
    encoding: 'utf8',
  });
  const [{ files }] = JSON.parse(stdout) as [{ files: { path: string }[] }];
  packed = files.map(({ path }) => path);
});

describe('the package', () => {
  test('has its entries, its declarations, ONNX Runtime for each platform once, and the licences', () => {
    const wanted = [
      manifest.bin['pipetrain'],
      manifest.main,
      manifest.types,
      'dist/engine/worker/worker-main.js',
      'dist/engine/tensor/executor-thread.js',
      'dist/THIRD-PARTY.txt',
      'LICENSE',
      'README.md',
    ].map((path) => path?.replace(/^\.\//, ''));
    expect(packed).toEqual(expect.arrayContaining(wanted));
    const libraries = packed.filter((path) => /libonnxruntime/.test(path)).map((path) => path.split('/').slice(-3, -1));
    expect(libraries.sort()).toEqual([
      ['darwin', 'arm64'],
      ['linux', 'arm64'],
      ['linux', 'x64'],
    ]);
  });

  test('has no sources, tests or scripts, and no module that is not in a bundle', () => {
    expect(packed.filter((path) => /^(engine|cli|test|scripts|bench|node_modules)\//.test(path))).toEqual([]);
    expect(packed.filter((path) => path.endsWith('.js') && !path.startsWith('dist/chunks/'))).toHaveLength(4);
  });

  test('imports nothing but Node, itself, and what npm installs with it', () => {
    const optional = ['msgpackr-extract', 'bufferutil', 'utf-8-validate'];
    const known = new Set([...DEPENDENCIES, ...optional, ...builtinModules]);
    const foreign = packed
      .filter((path) => path.endsWith('.js'))
      .flatMap((path) => [...read(path).matchAll(/\b(?:from *|import *\(?|require\d*\()"(@?\w[\w/:-]*)"/g)])
      .map(([, name = '']) => name.replace(/^node:/, ''));
    expect(foreign).toContain('koffi');
    expect(foreign.filter((name) => !known.has(name))).toEqual([]);
  });

  test('names the licence of everything that is bundled', () => {
    const text = read('dist/THIRD-PARTY.txt');
    const imported = new Set(
      [...readSources(ROOT).values()].flatMap((source) =>
        [...source.matchAll(/^(?:import|export) (?!type).*from '((?:@[^/']+\/)?[^/'.#:]+)'/gm)].map(([, name]) => name),
      ),
    );
    const bundled = [...imported, 'seedrandom', 'mathjs', '@tensorflow/tfjs-core', 'onnxruntime-node'];
    expect(bundled).toEqual(expect.arrayContaining(['commander', 'ws', 'zod']));
    const parts = text.split(/^=+$/m).slice(1);
    const named = new Map(parts.map((part) => [/^\s*(\S+)/.exec(part)?.[1], part] as const));
    expect(bundled.filter((name) => !named.has(name))).toEqual([]);
    expect([...named].filter(([, part]) => !/copyright/i.test(part)).map(([name]) => name)).toEqual([]);
  });

  test('is not made where a licence is unknown', () => {
    const folder = scratchWith({ 'package.json': '{"name":"stray","version":"1.0.0","license":"BUSL-1.1"}' });
    expect(() => licencesOf([folder])).toThrow('stray has no file with its licence (BUSL-1.1)');
    expect(packageFolder('../a/node_modules/@x/y/dist/node_modules/z/i.js')).toBe(
      '../a/node_modules/@x/y/dist/node_modules/z',
    );
    expect(packageFolder('dist/cli/main.js')).toBeNull();
  });
});

test('the lock pins every package by its digest, names no registry, and lets nothing run that is needed', () => {
  const { packages } = JSON.parse(read('package-lock.json')) as { packages: Record<string, Record<string, unknown>> };
  const entries = Object.entries(packages).filter(([path]) => path !== '');
  expect(entries.length).toBeGreaterThan(100);
  expect(entries.filter(([, entry]) => typeof entry['integrity'] !== 'string')).toEqual([]);
  expect(entries.filter(([, entry]) => entry['resolved'] !== undefined)).toEqual([]);
  // Without the mark npm does not look for a script. That of onnxruntime-node fetches GPU libraries from elsewhere, and
  // the install fails where that is not reached. npm sees by itself that msgpackr-extract could be built, and would
  // write its mark into every checkout; its script looks whether the binary is there, and it may fail, being optional.
  const marked = entries.filter(([, entry]) => entry['hasInstallScript'] === true);
  expect(marked.map(([path, { optional }]) => [path, optional])).toEqual([['node_modules/msgpackr-extract', true]]);
});

describe("a user's project, strict and with skipLibCheck off", () => {
  const MODEL = `
import { bias, defineBlock, defineInputBlock, defineModel, matrix, nn } from 'pipetrain';
import { PipetrainError, tf, z, type Model } from 'pipetrain';

export const model = defineModel({
  name: 'small',
  summary: 'one layer',
  options: z.strictObject({ width: z.number().int().default(8) }),
  defaults: { epochs: 1 },
  build({ width }, { vocabulary }): Model {
    const size: number = width;
    const V = vocabulary ?? 0;
    const head = defineBlock({
      name: 'head',
      kind: 'head',
      params: { w: matrix([size, V]), b: bias(V) },
      forward: (x, p) => tf.add(nn.linear(x, p.w, p.b), tf.scalar(0)),
    });
    const embed = defineInputBlock({
      name: 'embed',
      kind: 'embedding',
      params: { table: matrix([V, size]) },
      forward: (p, c) => nn.embedding(c.field('tokens'), p.table),
    });
    const blocks = [embed, head];
    const metric = { name: 'loss', higherIsBetter: false };
    return { name: 'small', blocks, loss: (y) => tf.mean(y, [1, 2]), score: null, metric };
  },
});
export const chained = (x: tf.Tensor): tf.Tensor => tf.tensor2d([[1, 2]]).add(1).relu().mul(x);
export const isOurs = (error: unknown): boolean => error instanceof PipetrainError && error.hint !== '';
`;
  const { ModuleKind, ModuleResolutionKind } = ts;
  const RESOLUTIONS: [string, ts.CompilerOptions][] = [
    ['nodenext', { module: ModuleKind.NodeNext, moduleResolution: ModuleResolutionKind.NodeNext }],
    ['node16', { module: ModuleKind.Node16, moduleResolution: ModuleResolutionKind.Node16 }],
    ['bundler', { module: ModuleKind.ESNext, moduleResolution: ModuleResolutionKind.Bundler }],
    ['node10', { module: ModuleKind.ESNext, moduleResolution: ModuleResolutionKind.Node10 }],
  ];
  const STRICT: ts.CompilerOptions = {
    target: ts.ScriptTarget.ES2022,
    // No DOM and no types of Node.
    lib: ['lib.es2022.d.ts'],
    types: [],
    strict: true,
    exactOptionalPropertyTypes: true,
    noUncheckedIndexedAccess: true,
    skipLibCheck: false,
    noEmit: true,
  };
  let project: string;

  /** Files as they were parsed; only whether Node takes one for a module differs between the resolutions. */
  const parsed = new Map<string, ts.SourceFile | undefined>();

  function programOf(file: string, options: ts.CompilerOptions): ts.Program {
    const host = ts.createCompilerHost(options);
    const parse = host.getSourceFile.bind(host);
    host.getSourceFile = (name, how, ...rest) => {
      const key = `${typeof how === 'object' ? how.impliedNodeFormat : ''} ${name}`;
      if (!parsed.has(key)) parsed.set(key, parse(name, how, ...rest));
      return parsed.get(key);
    };
    return ts.createProgram([file], options, host);
  }

  beforeAll(() => {
    project = scratchWith({ 'package.json': '{"type":"module"}', 'model.ts': MODEL });
    const installed = join(project, 'node_modules', 'pipetrain');
    mkdirSync(installed, { recursive: true });
    cpSync(join(ROOT, 'package.json'), join(installed, 'package.json'));
    cpSync(join(ROOT, 'dist/types'), join(installed, 'dist/types'), { recursive: true });
    for (const name of DEPENDENCIES) symlinkSync(join(ROOT, 'node_modules', name), join(project, 'node_modules', name));
  });

  test.each(RESOLUTIONS)('compiles with moduleResolution %s', (resolution, options) => {
    const program = programOf(join(project, 'model.ts'), { ...STRICT, ...options });
    // What the parts of others say for themselves, zod included, is the same for all; once is enough.
    const all = program.getSourceFiles();
    const isOurs = (name: string): boolean => name.startsWith(project) && !name.includes('/types/vendor/');
    const files = resolution === 'nodenext' ? all : all.filter(({ fileName }) => isOurs(fileName));
    const problems = [
      ...program.getOptionsDiagnostics(),
      ...files.flatMap((file) => [...program.getSemanticDiagnostics(file)]),
    ];
    expect(problems.map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, '\n'))).toEqual([]);
    expect(all.length).toBeGreaterThan(300);
  });

  test('sees a wrong use', () => {
    const text = "import { tf } from 'pipetrain';\nexport const x: number = tf.scalar(1);\n";
    const folder = scratchWith({ 'package.json': '{"type":"module"}', 'wrong.ts': text });
    symlinkSync(join(project, 'node_modules'), join(folder, 'node_modules'));
    const program = programOf(join(folder, 'wrong.ts'), { ...STRICT, module: ModuleKind.NodeNext });
    const [problem] = program.getSemanticDiagnostics(program.getSourceFile(join(folder, 'wrong.ts')));
    expect(problem?.messageText).toContain("not assignable to type 'number'");
  });
});
