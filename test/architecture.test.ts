// The architecture: what may import what, where packages live, how files are named, how long they are, and that every
// error code is documented.
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { importCycles, importsAmong, importsBesideDoor, upwardImports } from '../scripts/house/house-rules.mjs';
import { importsOf, readSources } from '../scripts/house/import-graph.mjs';
import { drawHouse, untrueSteps } from '../scripts/house/picture.mjs';
import { ROOMS } from '../scripts/house/rooms.mjs';

const ROOT = join(dirname(fileURLToPath(import.meta.url)), '..');
const MAX_LINES = 400;
const MAX_COLUMNS = 120;

const textOf = readSources(ROOT);
const SOURCES = [...textOf.keys()];
const IMPORTS = SOURCES.flatMap((file) => importsOf(file, textOf.get(file) ?? ''));

describe('imports', () => {
  test('name source files, where they are relative', () => {
    expect(
      IMPORTS.filter(({ isOwn, target }) => isOwn && !textOf.has(target)).map(
        ({ from, target }) => `${from} -> ${target}`,
      ),
    ).toEqual([]);
    // An empty list would pass every test below.
    expect(IMPORTS.length).toBeGreaterThan(SOURCES.length);
  });

  test('run from a room of a higher tier to one of a lower tier, types included', () => {
    expect(upwardImports(IMPORTS)).toEqual([]);
  });

  test.each([[['freeze', 'pipeline', 'cache']], [['engine/worker', 'engine/coordinator']]])(
    'do not join %j',
    (rooms) => {
      expect(importsAmong(IMPORTS, rooms)).toEqual([]);
    },
  );

  test('form no cycle, not even of types', () => {
    expect(importCycles(SOURCES, IMPORTS)).toEqual([]);
  });

  test('are refused by these rules with the edge and the rule', () => {
    const edge = (from: string, target: string, isTypeOnly = false) => ({ from, target, isOwn: true, isTypeOnly });
    const up = edge('engine/run/progress.ts', 'engine/worker/worker.ts', true);
    expect(
      upwardImports([
        up,
        edge('engine/worker/worker.ts', 'engine/core/plan.ts'),
        edge('engine/run/a.ts', 'engine/run/b.ts'),
      ]),
    ).toEqual([
      'engine/run/progress.ts -> engine/worker/worker.ts: imports a type of engine/worker (tier 9); ' +
        'engine/run (tier 5) may import from lower tiers only',
    ]);
    expect(upwardImports([edge('engine/attic/box.ts', 'engine/core/plan.ts')])).toEqual([
      'engine/attic/box.ts -> engine/core/plan.ts: engine/attic/box.ts stands in no room of scripts/house/rooms.mjs',
    ]);
    expect(importsAmong([edge('freeze/a.ts', 'cache/b.ts'), up], ['freeze', 'cache'])).toEqual([
      'freeze/a.ts -> cache/b.ts: freeze and cache never import each other',
    ]);
    expect(importCycles(['a.ts', 'b.ts'], [edge('a.ts', 'b.ts', true), edge('b.ts', 'a.ts', true)])).toEqual([
      'a.ts -> b.ts -> a.ts: imports form no cycle, not even of types',
    ]);
  });

  test('have a room for every folder, and files for every room', () => {
    const lived = new Set(SOURCES.map((file) => dirname(file)));
    expect(ROOMS.filter(({ folder }) => !lived.has(folder)).map(({ folder }) => folder)).toEqual([]);
  });
});

describe('packages stay behind their doors', () => {
  test('TensorFlow.js, koffi and ONNX Runtime behind engine/tensor (models may speak of tensors as types)', () => {
    expect(
      importsBesideDoor(IMPORTS, {
        packages: /^(#tfjs|#ort-|@tensorflow\/|koffi|onnxruntime)/,
        door: /^engine\/tensor\//,
        mayType: /^engine\/model\//,
      }),
    ).toEqual([]);
  });

  test('ws and msgpackr behind engine/comm', () => {
    expect(importsBesideDoor(IMPORTS, { packages: /^(ws|msgpackr)$/, door: /^engine\/comm\// })).toEqual([]);
  });

  test('commander behind cli', () => {
    expect(importsBesideDoor(IMPORTS, { packages: /^commander$/, door: /^cli\// })).toEqual([]);
  });

  test('only packages of package.json are imported', () => {
    const manifest = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as {
      readonly dependencies: Record<string, string>;
      readonly devDependencies: Record<string, string>;
      readonly imports: Record<string, string>;
    };
    const { dependencies, devDependencies, imports } = manifest;
    const known = [dependencies, devDependencies, imports].flatMap((names) => Object.keys(names));
    const isKnown = (target: string): boolean =>
      target.startsWith('node:') || known.some((name) => target === name || target.startsWith(`${name}/`));
    expect(
      IMPORTS.filter(({ isOwn, target }) => !isOwn && !isKnown(target)).map(
        ({ from, target }) => `${from} -> ${target}`,
      ),
    ).toEqual([]);
  });

  test('what is required and not imported is a native library, a backend, or what a model file asks for', () => {
    const requires = SOURCES.filter((file) => /\bcreateRequire\b/.test(textOf.get(file) ?? ''));
    const door = /^engine\/(tensor\/|model\/load-model\.ts$|run\/quickstart\.ts$)/;
    expect(requires.filter((file) => !door.test(file))).toEqual([]);
  });

  test('how large the machine is, is asked of one file, which knows of limits', () => {
    const asked = /\b(availableParallelism|totalmem|freemem|constrainedMemory|availableMemory)\b|\bcpus\(\)\.length/;
    expect(SOURCES.filter((file) => asked.test(textOf.get(file) ?? ''))).toEqual(['engine/core/allowance.ts']);
  });

  test('the environment is read in cli alone', () => {
    expect(
      SOURCES.filter(
        (file) => !file.startsWith('cli/') && /\bprocess\s*(\??\.\s*env\b|\??\.?\[)/.test(textOf.get(file) ?? ''),
      ),
    ).toEqual([]);
  });
});

/** The files of code below a folder, inner ones included, as paths from the root. */
const codeBelow = (folder: string): string[] =>
  readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => /\.(ts|mts|mjs|js|py|yaml)$/.test(name))
    .map((name) => `${folder}/${name.replaceAll('\\', '/')}`);

/** Lines of code, comments and strings above the width that the formatter aims at, as `file:line has n columns`. */
const wideLines = (folders: readonly string[]): string[] =>
  folders.flatMap(codeBelow).flatMap((file) =>
    readFileSync(join(ROOT, file), 'utf8')
      .split('\n')
      .flatMap((line, i) => (line.length > MAX_COLUMNS ? [`${file}:${i + 1} has ${line.length} columns`] : [])),
  );

describe('files', () => {
  test(`have lines of at most ${MAX_COLUMNS} columns`, () => {
    const folders = ['engine', 'freeze', 'pipeline', 'cache', 'cli', 'test', 'scripts', 'bench', 'examples'];
    expect(wideLines(folders)).toEqual([]);
  });

  test(`have at most ${MAX_LINES} lines`, () => {
    expect(
      SOURCES.map((file) => [file, (textOf.get(file) ?? '').split('\n').length] as const).filter(
        ([, lines]) => lines > MAX_LINES,
      ),
    ).toEqual([]);
  });

  test('are named after a noun in kebab-case, not after a drawer', () => {
    expect(
      SOURCES.filter(
        (file) =>
          !/^[a-z0-9/-]+\.ts$/.test(file) || /(^|[/-])(utils?|helpers?|managers?|misc|common)(-|\.|\/)/.test(file),
      ),
    ).toEqual([]);
  });

  test('begin with a comment that says what they are', () => {
    expect(SOURCES.filter((file) => !(textOf.get(file) ?? '').replace(/^#!.*\n/, '').startsWith('// '))).toEqual([]);
  });

  test('have no default export', () => {
    expect(SOURCES.filter((file) => /^export default\b|\bas default\b/m.test(textOf.get(file) ?? ''))).toEqual([]);
  });
});

test('every error code has an entry in docs/errors.md, and every entry a code', () => {
  const used = new Set(
    SOURCES.flatMap((file) =>
      [...(textOf.get(file) ?? '').matchAll(/'(PT_[A-Z0-9_]+)'/g)].map(([, code]) => code as string),
    ),
  );
  const documented = [...readFileSync(join(ROOT, 'docs/errors.md'), 'utf8').matchAll(/^### (PT_[A-Z0-9_]+)$/gm)].map(
    ([, code]) => code as string,
  );
  expect([...used].filter((code) => !documented.includes(code)).sort()).toEqual([]);
  expect(documented.filter((code) => !used.has(code))).toEqual([]);
  expect(documented).toEqual([...new Set(documented)].sort());
});

describe('the picture of the rooms', () => {
  test('leads from room to room only where one imports the other', () => {
    expect(untrueSteps(IMPORTS)).toEqual([]);
  });

  test('is drawn from the list of rooms: node scripts/architecture-picture.mjs', () => {
    expect(readFileSync(join(ROOT, 'docs/architecture.svg'), 'utf8')).toBe(drawHouse());
  });
});

test('the walks of docs/architecture.md lead through functions that exist', () => {
  const page = readFileSync(join(ROOT, 'docs/architecture.md'), 'utf8');
  const stops = [...page.matchAll(/^\d+\. \[[^\]]+\]\(\.\.\/([^)]+)\) `(\w+)`/gm)];
  expect(stops.length).toBeGreaterThan(20);
  const missing = stops.filter(([, file = '', name = '']) => {
    const definition = new RegExp(`^(  (async )?#?|export (async )?function )${name}[(<]`, 'm');
    return !definition.test(textOf.get(file) ?? '');
  });
  expect(missing.map(([stop]) => stop)).toEqual([]);
});
