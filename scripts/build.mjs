// Builds dist/: TensorFlow.js bundled with its gradients (its own Node entry leaves them out and its ES modules do not
// load in Node) and the part of mathjs that is used, then the TypeScript sources by tsc, then the two programs that
// people and coordinators start as bundles: a process that loads hundreds of small files takes twice as long to start.
import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { build } from 'esbuild';

const require = createRequire(import.meta.url);
mkdirSync('dist/vendor', { recursive: true });
await build({
  entryPoints: [
    { in: 'scripts/vendor/tfjs.mjs', out: 'tfjs' },
    { in: 'scripts/vendor/tfjs-cpu.mjs', out: 'tfjs-cpu' },
    { in: 'scripts/vendor/mathjs.mjs', out: 'mathjs' },
  ],
  outdir: 'dist/vendor',
  bundle: true,
  splitting: true,
  minify: true,
  legalComments: 'none',
  format: 'esm',
  platform: 'node',
  mainFields: ['module', 'main'],
  banner: {
    js:
      "import { createRequire as __createRequire } from 'node:module'; const require = " +
      '__createRequire(import.meta.url);',
  },
  logLevel: 'error',
});
writeFileSync('dist/vendor/tfjs.d.ts', "export * from '@tensorflow/tfjs-core';\n");
writeFileSync('dist/vendor/tfjs-cpu.d.ts', "export * from '@tensorflow/tfjs-backend-cpu';\n");
writeFileSync(
  'dist/vendor/mathjs.d.ts',
  "import type { FactoryFunctionMap } from 'mathjs';\nexport * from 'mathjs';\nexport declare const parts: " +
    'FactoryFunctionMap;\n',
);

// For a debugger: with source maps, and as the modules that the sources are.
const isDebug = process.argv.includes('--debug');
const tscFlags = isDebug ? ['--sourceMap', '--inlineSources'] : [];
const tsc = spawnSync(process.execPath, [require.resolve('typescript/bin/tsc'), '-p', 'tsconfig.json', ...tscFlags], {
  stdio: 'inherit',
});
if (tsc.status !== 0) process.exit(tsc.status ?? 1);
chmodSync('dist/cli/main.js', 0o755);
if (isDebug) process.exit(0);

// In place of the entries that tsc wrote; all else in dist/ stays as modules, for those who import it.
await build({
  entryPoints: ['dist/cli/main.js', 'dist/engine/worker/worker-main.js'],
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
  // Native, found by their paths, or optional.
  external: [
    'koffi',
    'onnxruntime-node',
    'esbuild',
    'msgpackr-extract',
    'bufferutil',
    'utf-8-validate',
    '@tensorflow/tfjs-backend-wasm',
    '@tensorflow/tfjs-node',
    '@tensorflow/tfjs-node-gpu',
  ],
  banner: {
    js:
      "import { createRequire as __requireOfBundle } from 'node:module'; const require = " +
      '__requireOfBundle(import.meta.url);',
  },
  logOverride: { 'equals-negative-zero': 'silent' },
  logLevel: 'error',
});
chmodSync('dist/cli/main.js', 0o755);
