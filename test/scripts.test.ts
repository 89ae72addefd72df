// Scripts and benchmarks stand on the build: every file of dist/ that they, package.json, CI or a test names must have
// a source behind it.
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { missingSources, pathsIntoDist } from '../scripts/house/dist-paths.mjs';

const ROOT = join(import.meta.dirname, '..');

/** Files that may name a path into dist/. */
function namingFiles(): string[] {
  const listed = spawnSync('git', ['ls-files', '-co', '--exclude-standard', 'scripts', 'bench', 'test', '.ci'], {
    cwd: ROOT,
    encoding: 'utf8',
  });
  return [...listed.stdout.split('\n').filter((file) => /\.(mjs|ts)$|^\.ci\//.test(file)), 'package.json'].filter(
    (file) => existsSync(join(ROOT, file)) && file !== 'test/scripts.test.ts',
  );
}

const exists = (path: string): boolean => existsSync(join(ROOT, path));

test('every path into dist/ that scripts, benchmarks, tests and package.json name has a source', () => {
  const named = namingFiles().flatMap((file) =>
    pathsIntoDist(readFileSync(join(ROOT, file), 'utf8')).map((path) => ({ file, path })),
  );
  // An empty list would pass.
  expect(named.length).toBeGreaterThan(60);
  expect(named.map(({ path }) => path)).toContain('engine/tensor/open-executor.js');
  expect(named.map(({ path }) => path)).toContain('cli/main.js');
  expect(missingSources(named, exists)).toEqual([]);
});

test.each([
  ["import { a } from '#dist/engine/gone.js';", 'engine/gone.js'],
  ["const a = await import('../dist/engine/gone.js');", 'engine/gone.js'],
  ["/** @typedef {import('#dist/engine/gone.js').A} A */", 'engine/gone.js'],
  ["const { a } = await load('engine/gone.js');", 'engine/gone.js'],
  ["const main = join(import.meta.dirname, '../../dist/cli/gone.js');", 'cli/gone.js'],
  ['new URL(`../../dist/cli/gone.js`, import.meta.url)', 'cli/gone.js'],
  ['{ "default": "./dist/engine/gone.js", "types": "./dist/engine/gone.d.ts" }', 'engine/gone.js'],
  ['node dist/cli/gone.js train', 'cli/gone.js'],
])('%s is such a path, and missing', (text, path) => {
  const [found] = pathsIntoDist(text);
  expect(found).toBe(path);
  expect(missingSources([{ file: 'bench/x.mjs', path }], exists)).toEqual([
    `bench/x.mjs: dist/${path} has no source ${path.replace(/\.js$/, '.ts')}`,
  ]);
});

test('what is bundled from a package comes from scripts/vendor', () => {
  expect(missingSources([{ file: 'package.json', path: 'vendor/tfjs.js' }], exists)).toEqual([]);
  expect(missingSources([{ file: 'package.json', path: 'vendor/gone.js' }], exists)).toEqual([
    'package.json: dist/vendor/gone.js has no source scripts/vendor/gone.mjs',
  ]);
});
