// Runs the examples of docs/library.md and examples/train.ts as programs that have installed the package: each in a
// process of its own, which must end by itself and say nothing on standard error.
//   node scripts/library-examples.mjs
import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { transformSync } from 'esbuild';
import { ROOT } from './lab/pipetrain.mjs';
import { scratchFolder } from './lab/scratch.mjs';

const LIMIT_MS = 300_000;

const folder = scratchFolder('library');
mkdirSync(join(folder, 'node_modules'));
symlinkSync(ROOT, join(folder, 'node_modules', 'pipetrain'));
const page = readFileSync(join(ROOT, 'docs/library.md'), 'utf8');
const examples = [...page.matchAll(/^```ts\n([^]*?)^```$/gm)].map(([, text = '']) => text);
if (examples.length === 0) throw new Error('docs/library.md has no example');
examples.forEach((text, i) => run(`example ${i + 1} of docs/library.md`, text));
run('examples/train.ts', readFileSync(join(ROOT, 'examples/train.ts'), 'utf8'));

/**
 * @param {string} what
 * @param {string} text In TypeScript.
 */
function run(what, text) {
  const { code } = transformSync(text, { loader: 'ts' });
  writeFileSync(join(folder, 'program.mjs'), code);
  const { status, signal, stdout, stderr } = spawnSync(process.execPath, ['program.mjs'], {
    cwd: folder,
    encoding: 'utf8',
    timeout: LIMIT_MS,
  });
  console.log(`${what}: ${status === 0 && stderr === '' ? 'ok' : `FAILED (${signal ?? status})`}`);
  if (status === 0 && stderr === '') return;
  console.log(`${code}\n${stdout}\n${stderr}`);
  process.exitCode = 1;
}
