// Builds dist/: TensorFlow.js bundled with its gradients (its own Node entry leaves them out and its ES modules do not
// load in Node), then the TypeScript sources by tsc.
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { spawnSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { build } from 'esbuild';

const require = createRequire(import.meta.url);
mkdirSync('dist/vendor', { recursive: true });
await build({
  entryPoints: [
    { in: 'scripts/vendor/tfjs.mjs', out: 'tfjs' },
    { in: 'scripts/vendor/tfjs-cpu.mjs', out: 'tfjs-cpu' },
  ],
  outdir: 'dist/vendor',
  bundle: true,
  splitting: true,
  minify: true,
  legalComments: 'none',
  format: 'esm',
  platform: 'node',
  mainFields: ['module', 'main'],
  banner: { js: "import { createRequire as __createRequire } from 'node:module'; const require = __createRequire(import.meta.url);" },
  logLevel: 'error',
});
writeFileSync('dist/vendor/tfjs.d.ts', "export * from '@tensorflow/tfjs-core';\n");
writeFileSync('dist/vendor/tfjs-cpu.d.ts', "export * from '@tensorflow/tfjs-backend-cpu';\n");

const tsc = spawnSync(process.execPath, [require.resolve('typescript/bin/tsc'), '-p', 'tsconfig.json'], { stdio: 'inherit' });
if (tsc.status !== 0) process.exit(tsc.status ?? 1);
chmodSync('dist/cli/main.js', 0o755);
