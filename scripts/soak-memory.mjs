// Memory over many steps and many shapes, with real workers: resident sets and pools must not grow. Prints what it saw
// and exits with 1 where something grew. Usage: npm run soak:memory -- --steps 2000 --shapes 60
// [--allow-mb 24]
import { parseArgs } from 'node:util';
import { wholeNumber } from './lab/command-line.mjs';
import { dice } from './lab/dice.mjs';
import { stopwatch } from './lab/stopwatch.mjs';
import { startTeam } from './lab/team.mjs';
import { conclude } from './lab/verdict.mjs';

/** @typedef {import('./lab/team.mjs').StepReports} StepReports */
/** @typedef {import('./lab/team.mjs').FixedShape} FixedShape */
/** @typedef {Map<string, { residentBytes: number, pool: { bytes: number } }>} Seen By worker, as it reported last. */

const { values: options } = parseArgs({
  options: {
    steps: { type: 'string', default: '2000' },
    shapes: { type: 'string', default: '60' },
    'allow-mb': { type: 'string', default: '24' },
  },
});
const numSteps = wholeNumber('steps', options.steps);
const numShapes = wholeNumber('shapes', options.shapes);
const WORKERS = 3;
const STEPS_PER_SHAPE = 4;
const POOL_MB = 4;
/**
 * What a resident set may gain after the first tenth of the steps, or the first third of the shapes: the collector lets
 * a heap of this size swing by some MB, and code that becomes hot is compiled and kept. A leak of one activation (4 x
 * 32 x 64 floats, 32 kB) per step would be 59 MB over 1,800 steps; one set of programs left behind per shape is about 1
 * MB, 40 MB over 40 shapes. A worker keeps the programs that were used last, some dozens: the first third of the shapes
 * fills that. Over few steps and shapes nothing has come to rest yet, and more has to be allowed.
 */
const ALLOWED_BYTES = wholeNumber('allow-mb', options['allow-mb']) * 2 ** 20;
/** All workers have a seat here, so all of them say how they stand. @type {FixedShape} */
const WHOLE = { K: 3, R: 1, cuts: [0, 2, 4], usesCache: false };

const watch = stopwatch();
/** @type {Seen} */
const latest = new Map();
const team = await startTeam({
  model: 'gpt',
  modelOptions: { layers: 4, width: 64, heads: 2, dropout: 0.1 },
  data: 'synthetic:text',
  dataOptions: { samples: 200, sequence: 32 },
  devices: `cpu:${WORKERS}`,
  batch: 12,
  microBatch: 4,
  steps: 1,
  schedule: 'gpipe',
  recompute: '0',
  poolMb: POOL_MB,
  seed: 1,
});
/** @type {string[]} */
const failures = [];
const megabytes = (/** @type {number} */ bytes) => `${(bytes / 2 ** 20).toFixed(1)} MB`;
const workersSeen = () => [...latest].sort(([a], [b]) => (a < b ? -1 : 1));
const residents = () => new Map(workersSeen().map(([worker, { residentBytes }]) => [worker, residentBytes]));

/** @param {string} what */
function show(what) {
  const workers = workersSeen().map(
    ([worker, { residentBytes, pool }]) => `${worker} ${megabytes(residentBytes)}, pool ${megabytes(pool.bytes)}`,
  );
  console.log(`  ${what.padEnd(12)}${workers.join('; ')}`);
}

/**
 * That no resident set has grown by more than is allowed.
 * @param {string} what
 * @param {Map<string, number>} before
 */
function compare(what, before) {
  for (const [worker, bytes] of residents()) {
    const gained = bytes - (before.get(worker) ?? bytes);
    if (gained > ALLOWED_BYTES)
      failures.push(`${what}: ${worker} gained ${megabytes(gained)}, ${megabytes(ALLOWED_BYTES)} are allowed`);
  }
}

/**
 * Runs whole steps under the plan adopted last and looks at the pools; `onStep` hears the number of steps done.
 * @param {number} count
 * @param {(done: number) => void} [onStep]
 */
async function run(count, onStep = () => undefined) {
  /** @type {string | null} */
  let lent = null;
  await team.takeSteps(count, 1e-4, (reports, step) => {
    const now = JSON.stringify([...reports].map(([worker, { pool }]) => [worker, pool.lent]).sort());
    // The first step lends what lives as long as the plan.
    if (lent !== null && now !== lent) failures.push(`step ${step}: buffers lent ${now}, the step before ${lent}`);
    lent = now;
    for (const [worker, report] of reports) latest.set(worker, report);
    for (const [worker, { pool }] of reports)
      if (pool.bytes > Math.max(POOL_MB * 2 ** 20, pool.lentBytes))
        failures.push(
          `step ${step}: the pool of ${worker} holds ${megabytes(pool.bytes)}, its cap is ${POOL_MB} MB and ` +
            `${megabytes(pool.lentBytes)} are lent`,
        );
    onStep(step + 1);
  });
}

/**
 * Distinct shapes: pipeline length, replicas, cuts, frozen depth.
 * @param {number} count
 */
function makeShapes(count) {
  const below = dice(1, 'shapes');
  const blocks = team.setup.model.blocks.length;
  /** @type {Map<string, { frozen: number, K: number, R: number, cuts: number[] }>} */
  const shapes = new Map();
  while (shapes.size < count) {
    const frozen = [0, 0, 1, 3][below(4)] ?? 0;
    const K = 1 + below(WORKERS);
    const R = 1 + below(Math.floor(WORKERS / K));
    /** @type {Set<number>} */
    const inner = new Set();
    while (inner.size < K - 1) inner.add(frozen + 1 + below(blocks - frozen - 1));
    const shape = { frozen, K, R, cuts: [frozen, ...[...inner].sort((a, b) => a - b)] };
    shapes.set(JSON.stringify(shape), shape);
  }
  return [...shapes.values()];
}

async function manySteps() {
  await team.adopt(WHOLE);
  const marks = [numSteps / 10, numSteps / 2, numSteps].map(Math.floor);
  /** @type {Map<string, number>} */
  let before = new Map();
  await run(numSteps, (done) => {
    if (!marks.includes(done)) return;
    show(`step ${done}`);
    if (done === marks[0]) before = residents();
  });
  compare('steps', before);
}

async function manyShapes() {
  const interval = Math.max(1, Math.floor(numShapes / 6));
  /** @type {Map<string, number>} */
  let before = new Map();
  for (const [index, { frozen, ...shape }] of makeShapes(numShapes).entries()) {
    await team.adopt({ ...shape, usesCache: false }, frozen);
    await run(STEPS_PER_SHAPE);
    const done = index + 1;
    if (done % interval !== 0) continue;
    await team.adopt(WHOLE);
    await run(STEPS_PER_SHAPE);
    show(`shape ${done}`);
    if (done === 2 * interval) before = residents();
  }
  compare('shapes', before);
}

console.log(
  `soak:memory: ${numSteps} steps of ${team.setup.model.name} on ${WORKERS} workers, then ${numShapes} shapes`,
);
try {
  await manySteps();
  await manyShapes();
} finally {
  await team.close();
}
conclude('soak:memory', failures, `flat, within ${megabytes(ALLOWED_BYTES)}; took ${watch.seconds().toFixed(0)} s`);
