// Bundles the tests inside @tensorflow/tfjs-core together with the engine's tensor code, so that both see one and the
// same TensorFlow.js.
import { mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join, sep } from 'node:path';
import { pathToFileURL } from 'node:url';
import { build } from 'esbuild';

/**
 * What the bundle exports.
 * @typedef {object} Suites
 * @property {{ setTestEnvs: (environments: unknown[]) => void }} environments
 * @property {typeof import('#dist/engine/tensor/tf.js')} tf
 * @property {typeof import('#dist/engine/tensor/eager.js').registerEager} registerEager
 * @property {typeof import('#dist/engine/tensor/open-executor.js').openExecutor} openExecutor
 * @property {typeof import('#dist/engine/tensor/ops/table.js').opTable} opTable
 * @property {Record<string, () => Promise<unknown>>} suites Define the tests of a file.
 */

/**
 * Every test file of TensorFlow.js, by path below its dist folder.
 * @param {string} root
 */
export function testFiles(root) {
  return readdirSync(testFolder(root), { recursive: true, encoding: 'utf8' })
    .map((name) => name.split(sep).join('/'))
    .filter((name) => name.endsWith('_test.js'))
    .sort();
}

const testFolder = (/** @type {string} */ root) => join(root, 'node_modules/@tensorflow/tfjs-core/dist');

/**
 * Builds and imports the bundle: the tests as functions that define them, and the modules of the engine that run them.
 * `remove` deletes what was written.
 * @param {string} root
 * @param {readonly string[]} files
 */
export async function bundledSuites(root, files) {
  const folder = testFolder(root);
  const quoted = (/** @type {string} */ path) => JSON.stringify(path);
  const contents = [
    `export * as environments from ${quoted(join(folder, 'jasmine_util.js'))};`,
    `export * as tf from ${quoted(join(root, 'engine/tensor/tf.ts'))};`,
    `export { registerEager } from ${quoted(join(root, 'engine/tensor/eager.ts'))};`,
    `export { openExecutor } from ${quoted(join(root, 'engine/tensor/open-executor.ts'))};`,
    `export { opTable } from ${quoted(join(root, 'engine/tensor/ops/table.ts'))};`,
    'export const suites = ' +
      `{${files.map((file) => `${quoted(file)}: () => import(${quoted(join(folder, file))})`).join(',\n')}};`,
  ].join('\n');
  // Inside node_modules, where the bundle finds the native packages it leaves out and no tool takes it for a source.
  const target = join(root, 'node_modules/.cache/pipetrain', `conformance-${process.pid}`);
  mkdirSync(target, { recursive: true });
  const outfile = join(target, 'suites.mjs');
  await build({
    stdin: { contents, resolveDir: root, loader: 'js' },
    outfile,
    bundle: true,
    format: 'esm',
    platform: 'node',
    mainFields: ['module', 'main'],
    external: ['onnxruntime-node', 'koffi'],
    banner: {
      js:
        "import { createRequire as __requireOfSuites } from 'node:module'; const require = " +
        '__requireOfSuites(import.meta.url);',
    },
    logLevel: 'error',
    plugins: [{ name: 'one-tensorflow', setup: (setup) => resolveOneTensorFlow(setup, root) }],
  });
  const remove = () => rmSync(target, { recursive: true, force: true });
  /** @type {unknown} */
  const module = await import(pathToFileURL(outfile).href);
  return { module: /** @type {Suites} */ (module), remove };
}

/**
 * @param {import('esbuild').PluginBuild} setup
 * @param {string} root
 */
function resolveOneTensorFlow(setup, root) {
  setup.onResolve({ filter: /^#tfjs$/ }, () => ({ path: join(root, 'scripts/vendor/tfjs.mjs') }));
  // The tests ask for the real Jasmine only to set a timeout on it; the global interface is our own.
  setup.onResolve({ filter: /^jasmine-core/ }, () => ({ path: 'jasmine-core', namespace: 'stub' }));
  setup.onLoad({ filter: /.*/, namespace: 'stub' }, () => ({ contents: 'module.exports = { core: () => ({}) };' }));
}
