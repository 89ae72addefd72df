// A PyTorch for who has none: of its wheel and what its CPU library needs to load, without Python's other packages (550
// MB instead of 3 GB), which do for torch-cpu:N. Prints the folder that PIPETRAIN_TORCH takes: that of an installed
// PyTorch where there is one, else the one that is named, which is filled. Ends with 1 and the reason on standard error
// where neither can be had in time. node scripts/torch-from-wheel.mjs FOLDER
import { spawnSync } from 'node:child_process';
import { resolve } from 'node:path';
import { fail } from './lab/command-line.mjs';

/** The versions belong together. */
const PACKAGES = ['torch==2.11.0', 'nvidia-cuda-runtime==13.0.96', 'nvidia-cuda-cupti==13.0.85'];
const PATIENCE_MS = 120_000;

const [target] = process.argv.slice(2);
if (target === undefined) fail('Usage: node scripts/torch-from-wheel.mjs FOLDER');
const { findTorch } = await import('#dist/engine/tensor/libtorch/find-torch.js');

/** @param {string} [own] That of PIPETRAIN_TORCH; without it whatever is installed. */
function folderOf(own) {
  try {
    const named = own === undefined ? undefined : { env: { PIPETRAIN_TORCH: own }, askPython: () => ({ reason: '' }) };
    return findTorch(named).folder;
  } catch (error) {
    return { reason: error instanceof Error ? error.message : String(error) };
  }
}

/** @param {string} reason @returns {never} */
function giveUp(reason) {
  console.error(`PyTorch cannot be had: ${reason}`);
  process.exit(1);
}

const installed = folderOf();
if (typeof installed === 'string') {
  console.log(installed);
  process.exit(0);
}
if (process.platform !== 'linux' || process.arch !== 'x64')
  giveUp(`the packages are those of linux x64, this is ${process.platform} ${process.arch}`);
const folder = resolve(target);
const { status, error, stderr } = spawnSync(
  'python3',
  ['-m', 'pip', 'install', '--quiet', '--no-deps', '--no-compile', '--retries', '1', '--target', folder, ...PACKAGES],
  { encoding: 'utf8', timeout: PATIENCE_MS, killSignal: 'SIGKILL' },
);
if (error !== undefined) giveUp(`pip did not end well within ${PATIENCE_MS / 1000} s (${error.message})`);
if (status !== 0) giveUp(`pip ended with ${status}: ${stderr.trim().split('\n').at(-1) ?? ''}`);
const made = folderOf(folder);
console.log(typeof made === 'string' ? made : giveUp(made.reason));
