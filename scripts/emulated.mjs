// Runs the tests of kernels on an emulated processor with AVX-512 and AMX, for machines that have none: the files that
// `vitest` runs elsewhere, in Linux, under Bochs. It shows whether machine code is right, and nothing about its speed.
//   npm run emulated [-- FILES of test/] [--script FILE.mjs] [--jobs 2] [--verbose]
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { makeEmulator, missingForEmulator } from './emulated/emulator.mjs';
import { addFolder, guestWithNode } from './emulated/guest.mjs';
import { readKernel } from './emulated/kernel.mjs';
import { runMachine } from './emulated/machine.mjs';
import { bundleTests } from './emulated/tests.mjs';
import { fail, wholeNumber } from './lab/command-line.mjs';
import { scratchFolder } from './lab/scratch.mjs';

const KERNEL_TESTS = 'test/tensor/jit';
const MEGABYTES = 1024;

const USAGE = `Usage: npm run emulated [-- FILES] [--script FILE.mjs] [--jobs 2] [--verbose]

Runs the test files that are named, those of ${KERNEL_TESTS} where none is, on an emulated processor with AVX-512,
AVX512-BF16 and AMX. --script runs a module instead, with dist/ and koffi beside it, as /project/dist and 'koffi'.
The first call builds Bochs from Debian's sources (three minutes of processor time, 350 MB while it is made, 20 MB kept
in the user's cache). Needs Linux on x64 with Debian's apt, patch, make, gcc and g++; elsewhere it says so and skips.
--verbose prints what the kernel says, and the end of the emulator's log.`;

const { values, positionals } = parse();
if (values.help) {
  console.log(USAGE);
  process.exit(0);
}
const lacks = missingForEmulator();
if (lacks !== null) {
  console.log(`emulated: skipped: ${lacks}`);
  process.exit(0);
}
// Ctrl+C ends the machine and what lies in scratch folders with this process.
for (const signal of /** @type {const} */ (['SIGINT', 'SIGTERM'])) process.once(signal, () => process.exit(1));

const emulator = makeEmulator(wholeNumber('jobs', values.jobs), (what) => console.log(`emulated: ${what}`));
const files = values.script === undefined ? await guestOfTests(positionals) : guestOfScript(values.script);
const began = performance.now();
const status = await runMachine(
  {
    bochs: emulator.bochs,
    kernel: readKernel(readFileSync(emulator.kernel)),
    initramfs: files.bytes(),
    megabytes: MEGABYTES,
    isVerbose: values.verbose,
  },
  (text) => process.stdout.write(text),
);
const took = `${((performance.now() - began) / 1000).toFixed(0)} s`;
console.log(
  status === null ? `emulated: the machine stopped after ${took}` : `emulated: exit code ${status} after ${took}`,
);
process.exitCode = status ?? 1;

/** @param {readonly string[]} named */
async function guestOfTests(named) {
  const tests = named.length > 0 ? named : kernelTests();
  const unknown = tests.find((file) => !existsSync(file));
  if (unknown !== undefined) fail(`there is no file ${unknown}`);
  const folder = scratchFolder('emulated');
  const bundle = await bundleTests(tests, folder);
  const guest = guestWithNode(emulator.init, [bundle.runner, ...bundle.tests]);
  addFolder(guest, folder, '/project');
  return guest;
}

/** @param {string} script */
function guestOfScript(script) {
  if (!existsSync(script)) fail(`there is no file ${script}`);
  const guest = guestWithNode(emulator.init, ['script.mjs']);
  guest.file('/project/script.mjs', readFileSync(script));
  // ONNX Runtime is half of the machine's memory, and slow there.
  addFolder(guest, 'dist', '/project/dist', (path) => !/\/(onnxruntime|types)$|\.d\.ts$/.test(path));
  return guest;
}

function kernelTests() {
  return readdirSync(KERNEL_TESTS)
    .filter((name) => name.endsWith('.test.ts'))
    .map((name) => join(KERNEL_TESTS, name));
}

function parse() {
  try {
    return parseArgs({
      allowPositionals: true,
      options: {
        script: { type: 'string' },
        jobs: { type: 'string', default: '2' },
        verbose: { type: 'boolean', default: false },
        help: { type: 'boolean', default: false },
      },
    });
  } catch (error) {
    return fail(`${error instanceof Error ? error.message : String(error)}\n\n${USAGE}`);
  }
}
