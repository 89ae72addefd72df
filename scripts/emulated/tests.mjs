// Tests: test files as modules that an emulated machine can run: the same files that `vitest` runs, each with what it
// imports in one piece.
import { createRequire } from 'node:module';
import { relative, resolve } from 'node:path';
import { build } from 'esbuild';

const require = createRequire(import.meta.url);
const vitest = createRequire(require.resolve('vitest/package.json'));

/**
 * @param {readonly string[]} files
 * @param {string} outdir
 * @returns {Promise<{ runner: string, tests: string[] }>} their paths below `outdir`
 */
export async function bundleTests(files, outdir) {
  const runner = resolve('scripts/emulated/run-tests.mjs');
  await build({
    entryPoints: [runner, ...files.map((file) => resolve(file))],
    outbase: '.',
    outdir,
    outExtension: { '.js': '.mjs' },
    bundle: true,
    splitting: true,
    format: 'esm',
    platform: 'node',
    target: 'node20',
    keepNames: true,
    external: ['koffi'],
    alias: {
      vitest: resolve('scripts/emulated/vitest.mjs'),
      ...Object.fromEntries(['@vitest/runner', '@vitest/expect'].map((name) => [name, vitest.resolve(name)])),
      chai: createRequire(vitest.resolve('@vitest/expect')).resolve('chai'),
    },
    banner: {
      js: "import { createRequire as __require } from 'node:module'; const require = __require(import.meta.url);",
    },
    logLevel: 'error',
  });
  const bundled = (/** @type {string} */ file) => relative('.', resolve(file)).replace(/\.[cm]?[jt]s$/, '.mjs');
  return { runner: bundled(runner), tests: files.map(bundled) };
}
