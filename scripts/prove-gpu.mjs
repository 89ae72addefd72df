// What only a GPU can show of PyTorch's kernels under pipetrain, in one go of ten minutes at most, as a table:
// conformance, equal bits over all shapes with several workers on one GPU, an elastic run with a kill, and steps beside
// PyTorch's, eager and compiled, in turn. What there is no time for is named. Nothing of it needs a GPU to run through:
// with --device torch-cpu --tiny it does so in CI. Usage: npm run prove:gpu -- [--device torch-cuda] [--tiny]
// [--parts conformance,bits,elastic,steps,other-bits] [--minutes 10] [--precisions fp32,bf16] [--ours-only]
// [--results FILE]
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { fail, knownNames, wholeNumber } from './lab/command-line.mjs';
import { scratchFolder } from './lab/scratch.mjs';
import { stopwatch } from './lab/stopwatch.mjs';
import { CASES, TINY_CASES } from './prove-gpu/cases.mjs';
import { conformance, elastic, equalBits } from './prove-gpu/parts.mjs';
import { ourSteps, stepsText, theirSteps } from './prove-gpu/steps.mjs';
import { pythonOf, startTheirs } from './prove-gpu/theirs.mjs';

/** @typedef {import('./prove-gpu/parts.mjs').Finding} Finding */
/** @typedef {import('./prove-gpu/steps.mjs').Side} Side */
/** @typedef {{ part: string, what: string, seconds: number } & Finding} Row */

/** No part may take more than this share of the time that is left: the others shall be seen, too. */
const MOST_OF_THE_REST = 0.5;
/** Of a trial of `pipetrain verify`. */
const LEAST_STEPS = 6;
/** Less is not begun with. */
const LEAST_SECONDS = 15;

const { values: options } = parseArgs({
  options: {
    device: { type: 'string', default: 'torch-cuda' },
    tiny: { type: 'boolean', default: false },
    parts: { type: 'string', default: 'conformance,bits,elastic,steps,other-bits' },
    minutes: { type: 'string', default: '10' },
    precisions: { type: 'string' },
    'ours-only': { type: 'boolean', default: false },
    results: { type: 'string' },
  },
});
const { device, tiny } = options;
if (device !== 'torch-cuda' && device !== 'torch-cpu') fail(`--device is torch-cuda or torch-cpu, not ${device}`);
const watch = stopwatch();
const limit = 60 * wholeNumber('minutes', options.minutes);
const left = () => limit - watch.seconds();
const folder = scratchFolder('prove-gpu');
const { PRECISIONS } = await import('#dist/engine/core/precision.js');
const precisions = options.precisions?.split(',') ?? [...PRECISIONS];
const threads = device === 'torch-cpu' ? ', one thread each' : '';
const found = await findTorch();
if ('reason' in found) {
  // Whoever runs many scripts wants to know why this one did nothing.
  console.log(`prove:gpu skipped: ${found.reason}`);
  process.exit(0);
}
const torch = found;
console.log(`PyTorch ${torch.version} of ${torch.from}, devices ${device}:N, at most ${limit / 60} minutes${threads}`);
/** @type {Row[]} */
const rows = [];

/** The PyTorch of this machine, usable on the device that was asked for. */
async function findTorch() {
  const { EXECUTORS } = await import('#dist/engine/tensor/executors/registry.js');
  const { findTorch: find } = await import('#dist/engine/tensor/libtorch/find-torch.js');
  try {
    EXECUTORS.get(device).find?.();
    return find();
  } catch (error) {
    return { reason: String(error instanceof Error ? error.message : error).replaceAll('\n', ' ') };
  }
}

/**
 * Does one thing, unless there is no time for it, and prints its row.
 * @param {string} part
 * @param {string} what
 * @param {(seconds: number) => Promise<Finding>} work
 */
async function row(part, what, work) {
  const begin = watch.seconds();
  const seconds = left() * MOST_OF_THE_REST;
  const finding =
    seconds < LEAST_SECONDS
      ? /** @type {const} */ ({ verdict: 'skipped', text: 'no time left' })
      : await work(seconds).catch((/** @type {unknown} */ error) => ({
          verdict: /** @type {const} */ ('FAILED'),
          text: String(error),
        }));
  const done = { part, what, seconds: watch.seconds() - begin, ...finding };
  rows.push(done);
  console.log(
    [
      part.padEnd(12),
      what.padEnd(18),
      done.verdict.padEnd(8),
      `${done.seconds.toFixed(1).padStart(6)} s `,
      done.text,
    ].join(' '),
  );
}

/** One model: a row for each precision, the sides in turn. */
async function steps(/** @type {import('./prove-gpu/cases.mjs').Case} */ measured) {
  const count = tiny ? 5 : 30;
  const python = options['ours-only'] ? { reason: '--ours-only' } : pythonOf(torch.folder);
  const theirs = 'path' in python ? startTheirs(python.path, measured, device === 'torch-cuda' ? 'cuda' : 'cpu') : null;
  if ('reason' in python && python.reason !== '--ours-only')
    console.log(`PyTorch's side is left out: ${python.reason}`);
  for (const precision of precisions)
    await row(`steps`, `${measured.name} ${precision}`, async (seconds) => {
      const ours = await ourSteps(measured, { device, precision, steps: count, folder, seconds });
      /** @type {Side | null} */
      const eager = theirs === null ? null : theirSteps(await theirs.turn(precision, false, count));
      // Compiling takes a minute; on the CPU it needs a compiler, and says nothing about a GPU.
      const isCompiled = theirs !== null && device === 'torch-cuda' && left() > 4 * LEAST_SECONDS;
      const compiled = isCompiled ? theirSteps(await theirs.turn(precision, true, count)) : null;
      return { verdict: ours.error === undefined ? 'ok' : 'FAILED', text: stepsText({ ours, eager, compiled }) };
    });
  theirs?.stop();
}

/** Every shape, in each of these precisions. */
async function bits(/** @type {readonly string[]} */ which) {
  for (const precision of which)
    await row('bits', precision, (seconds) =>
      equalBits({ device, folder, seconds, precision, steps: tiny ? LEAST_STEPS : 12 }),
    );
}

/** @type {Readonly<Record<string, () => Promise<void>>>} */
const PARTS = {
  conformance: () => row('conformance', 'ops and gradients', (seconds) => conformance({ device, folder, seconds })),
  bits: () => bits(precisions.slice(0, 1)),
  'other-bits': () => bits(precisions.slice(1)),
  elastic: () =>
    row('elastic', 'freeze, kill, cache', (seconds) => elastic({ device, folder, seconds, steps: tiny ? 24 : 200 })),
  steps: async () => {
    for (const measured of tiny ? TINY_CASES : CASES) await steps(measured);
  },
};
for (const part of knownNames('part', options.parts.split(','), PARTS)) await PARTS[part]?.();

const failed = rows.filter(({ verdict }) => verdict === 'FAILED').length;
const skipped = rows.filter(({ verdict }) => verdict === 'skipped').length;
if (options.results !== undefined)
  writeFileSync(options.results, `${JSON.stringify({ device, torch, rows }, null, 2)}\n`);
console.log(
  `${rows.length - failed - skipped} of ${rows.length} hold, ${failed} failed, ${skipped} skipped, ` +
    `${watch.seconds().toFixed(0)} s${device === 'torch-cpu' ? '; on a CPU, which proves nothing about a GPU' : ''}`,
);
process.exit(failed === 0 ? 0 : 1);
