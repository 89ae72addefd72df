// Builds dist/. First what is taken from packages: TensorFlow.js with its gradients (its own Node entry leaves them out
// and its ES modules do not load in Node), the part of mathjs that is used, and ONNX Runtime. Then the TypeScript
// sources by tsc, which tests and scripts load as modules. Then, in place of the entries that tsc wrote, what the
// package consists of: the entries as bundles (a process that loads hundreds of small files takes twice as long to
// start), declarations that stand alone, and the licences of all that is bundled.
import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, resolve } from 'node:path';
import { build } from 'esbuild';
import { licencesOf, packageFolder } from './build/licences.mjs';
import { copyOnnxRuntime } from './build/onnxruntime.mjs';
import { writeTypes } from './build/types.mjs';
import { parseJson } from './lab/json.mjs';

const require = createRequire(import.meta.url);
const { dependencies } = /** @type {{ dependencies: Record<string, string> }} */ (
  parseJson(readFileSync('package.json', 'utf8'))
);
rmSync('dist', { recursive: true, force: true });
mkdirSync('dist/vendor', { recursive: true });
const vendored = await build({
  entryPoints: ['tfjs', 'tfjs-cpu', 'mathjs', 'ort-tensor'].map((name) => ({
    in: `scripts/vendor/${name}.mjs`,
    out: name,
  })),
  outdir: 'dist/vendor',
  bundle: true,
  splitting: true,
  minify: true,
  legalComments: 'none',
  format: 'esm',
  platform: 'node',
  mainFields: ['module', 'main'],
  metafile: true,
  banner: {
    js:
      "import { createRequire as __createRequire } from 'node:module'; const require = " +
      '__createRequire(import.meta.url);',
  },
  logLevel: 'error',
});
writeFileSync('dist/vendor/tfjs.d.ts', "export * from '@tensorflow/tfjs-core';\n");
writeFileSync('dist/vendor/tfjs-cpu.d.ts', "export * from '@tensorflow/tfjs-backend-cpu';\n");
writeFileSync('dist/vendor/ort-tensor.d.ts', "export { Tensor } from 'onnxruntime-common';\n");
writeFileSync(
  'dist/vendor/mathjs.d.ts',
  "import type { FactoryFunctionMap } from 'mathjs';\nexport * from 'mathjs';\nexport declare const parts: " +
    'FactoryFunctionMap;\n',
);
copyOnnxRuntime('dist/vendor/onnxruntime');

// For a debugger: with source maps, and as the modules that the sources are.
const isDebug = process.argv.includes('--debug');
const tscFlags = isDebug ? ['--sourceMap', '--inlineSources'] : [];
const tsc = spawnSync(process.execPath, [require.resolve('typescript/bin/tsc'), '-p', 'tsconfig.json', ...tscFlags], {
  stdio: 'inherit',
});
if (tsc.status !== 0) process.exit(tsc.status ?? 1);
chmodSync('dist/cli/main.js', 0o755);
if (isDebug) process.exit(0);

const bundled = await build({
  entryPoints: [
    'dist/cli/main.js',
    'dist/engine/index.js',
    'dist/engine/worker/worker-main.js',
    'dist/engine/tensor/executor-thread.js',
  ],
  outbase: 'dist',
  outdir: 'dist',
  chunkNames: 'chunks/[name]-[hash]',
  allowOverwrite: true,
  bundle: true,
  splitting: true,
  keepNames: true,
  minifyWhitespace: true,
  minifySyntax: true,
  legalComments: 'none',
  format: 'esm',
  platform: 'node',
  target: 'node20',
  mainFields: ['module', 'main'],
  metafile: true,
  // Native, or optional parts of ws and msgpackr. zod is installed for the declarations, and bundled all the same: a
  // process must have one copy.
  external: ['koffi', 'esbuild', 'msgpackr-extract', 'bufferutil', 'utf-8-validate'],
  banner: {
    js:
      "import { createRequire as __requireOfBundle } from 'node:module'; const require = " +
      '__requireOfBundle(import.meta.url);',
  },
  logOverride: { 'equals-negative-zero': 'silent' },
  logLevel: 'error',
});
chmodSync('dist/cli/main.js', 0o755);

const tfjs = 'node_modules/@tensorflow/tfjs-core/dist/index.d.ts';
const typed = writeTypes({
  entry: 'dist/engine/index.d.ts',
  from: resolve('dist'),
  to: resolve('dist/types'),
  installed: Object.keys(dependencies),
  inlined: { '#tfjs': tfjs, '@tensorflow/tfjs-core': tfjs },
  // The ops as methods of tensors, which scripts/vendor/tfjs.mjs has as well.
  added: { [tfjs]: './public/chained_ops/register_all_chained_ops' },
  // zod has a schema that takes URLs; a run is stopped by a signal.
  globals: ['URL', 'AbortSignal'],
});
const folders = [vendored, bundled].flatMap(({ metafile }) => Object.keys(metafile.inputs)).map(packageFolder);
writeFileSync(
  'dist/THIRD-PARTY.txt',
  licencesOf([
    ...folders.filter((folder) => folder !== null),
    ...typed,
    dirname(require.resolve('onnxruntime-node/package.json')),
  ]),
);
