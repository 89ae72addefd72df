// Memory over many steps and many shapes, with real workers: resident sets and pools must not grow. Prints what it saw
// and exits with 1 where something grew. Usage: npm run soak:memory -- --steps 2000 --shapes 60
import { parseArgs } from 'node:util';
import { trainConfigSchema } from '../dist/engine/core/config.js';
import { Coordinator } from '../dist/engine/coordinator/coordinator.js';
import { bitsAt, randomKey } from '../dist/engine/core/random.js';
import { measuredCosts } from '../dist/engine/costs/measured-costs.js';
import { ratesOf } from '../dist/engine/costs/measured-rates.js';
import { planOfShape } from '../dist/engine/planning/next-plan.js';
import { planBasis } from '../dist/engine/planning/plan-basis.js';
import { setUpRun } from '../dist/engine/run/run-setup.js';

const { values: options } = parseArgs({
  options: { steps: { type: 'string', default: '2000' }, shapes: { type: 'string', default: '60' } },
});
const [numSteps, numShapes] = [Number(options.steps), Number(options.shapes)];
const WORKERS = 3;
const STEPS_PER_SHAPE = 4;
const POOL_MB = 4;
/**
 * What a resident set may gain after the first tenth of the steps, or the first third of the shapes: the collector lets
 * a heap of this size swing by some MB, and code that becomes hot is compiled and kept. A leak of one activation (4 x
 * 32 x 64 floats, 32 kB) per step would be 59 MB over 1,800 steps; one set of programs left behind per shape is about 1
 * MB, 40 MB over 40 shapes. A worker keeps the programs that were used last, some dozens: the first third of the shapes
 * fills that.
 */
const ALLOWED_BYTES = 24 * 2 ** 20;

const config = trainConfigSchema.parse({
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
const setup = await setUpRun(config);
const latest = new Map();
const coordinator = await Coordinator.open({ ...setup, programCache: null });
const failures = [];
const megabytes = (bytes) => `${(bytes / 2 ** 20).toFixed(1)} MB`;
const workersSeen = () => [...latest].sort(([a], [b]) => (a < b ? -1 : 1));
const show = (what) =>
  console.log(
    `  ${what.padEnd(12)}${workersSeen()
      .map(
        ([worker, { residentBytes, pool }]) => `${worker} ${megabytes(residentBytes)}, pool ${megabytes(pool.bytes)}`,
      )
      .join('; ')}`,
  );
const residents = () => new Map(workersSeen().map(([worker, { residentBytes }]) => [worker, residentBytes]));
function compare(what, before) {
  for (const [worker, bytes] of residents()) {
    const gained = bytes - (before.get(worker) ?? bytes);
    if (gained > ALLOWED_BYTES)
      failures.push(`${what}: ${worker} gained ${megabytes(gained)}, ${megabytes(ALLOWED_BYTES)} are allowed`);
  }
}

/** Runs whole steps under the plan adopted last; `onStep` hears the number of steps done. */
async function run(count, onStep = () => undefined) {
  let lent = null;
  coordinator.start(0);
  for (let step = 0; step < count; step++) {
    const reports = await coordinator.stepReports();
    for (const [worker, report] of reports) latest.set(worker, report);
    const now = JSON.stringify([...reports].map(([worker, { pool }]) => [worker, pool.lent]).sort());
    // The first step lends what lives as long as the plan.
    if (lent !== null && now !== lent) failures.push(`step ${step}: buffers lent ${now}, the step before ${lent}`);
    lent = now;
    for (const [worker, { pool }] of reports)
      if (pool.bytes > Math.max(POOL_MB * 2 ** 20, pool.lentBytes))
        failures.push(
          `step ${step}: the pool of ${worker} holds ${megabytes(pool.bytes)}, its cap is ${POOL_MB} MB and ` +
            `${megabytes(pool.lentBytes)} are lent`,
        );
    await coordinator.commit(
      step,
      { learningRate: 1e-4, gradientScale: 1, updateCount: step + 1, snapshot: null },
      step + 1 < count,
    );
    onStep(step + 1);
  }
}

/** Distinct shapes: pipeline length, replicas, cuts, frozen depth. */
function makeShapes(count) {
  const key = randomKey(1, 'shapes');
  let draws = 0;
  const below = (n) => bitsAt(key, draws++) % n;
  const blocks = setup.model.blocks.length;
  const shapes = new Map();
  while (shapes.size < count) {
    const frozen = [0, 0, 1, 3][below(4)];
    const K = 1 + below(WORKERS);
    const R = 1 + below(Math.floor(WORKERS / K));
    const inner = new Set();
    while (inner.size < K - 1) inner.add(frozen + 1 + below(blocks - frozen - 1));
    const shape = { frozen, K, R, cuts: [frozen, ...[...inner].sort((a, b) => a - b)] };
    shapes.set(JSON.stringify(shape), shape);
  }
  return [...shapes.values()];
}

const began = performance.now();
try {
  await coordinator.launch();
  const measured = await coordinator.measureCosts();
  const basis = planBasis(setup, { costs: measuredCosts(setup, measured), rates: ratesOf(measured, null) });
  let history = null;
  const adopt = ({ frozen, K, R, cuts }) => {
    const request = { frozen, frozenLayers: 0, epochsLeft: 1, because: 'soak' };
    const planned = planOfShape(basis, history, request, { K, R, cuts, usesCache: false });
    history = planned.history;
    return coordinator.adopt(planned.plan);
  };

  console.log(`soak:memory: ${numSteps} steps of ${setup.model.name} on ${WORKERS} workers, then ${numShapes} shapes`);
  await adopt({ frozen: 0, K: 3, R: 1, cuts: [0, 2, 4] });
  const marks = [numSteps / 10, numSteps / 2, numSteps].map(Math.floor);
  let before = new Map();
  await run(numSteps, (done) => {
    if (!marks.includes(done)) return;
    show(`step ${done}`);
    if (done === marks[0]) before = residents();
  });
  compare('steps', before);

  const shapes = makeShapes(numShapes);
  const interval = Math.max(1, Math.floor(numShapes / 6));
  for (const [index, shape] of shapes.entries()) {
    await adopt(shape);
    await run(STEPS_PER_SHAPE);
    const done = index + 1;
    if (done % interval !== 0) continue;
    // All workers have a seat here, so all of them say how they stand.
    await adopt({ frozen: 0, K: 3, R: 1, cuts: [0, 2, 4] });
    await run(STEPS_PER_SHAPE);
    show(`shape ${done}`);
    if (done === 2 * interval) before = residents();
  }
  compare('shapes', before);
} finally {
  await coordinator.close();
}
console.log(
  failures.length === 0
    ? `soak:memory: flat, within ${megabytes(ALLOWED_BYTES)}; took ${((performance.now() - began) / 1000).toFixed(0)} s`
    : `soak:memory FAILED:\n  ${[...new Set(failures)].slice(0, 10).join('\n  ')}`,
);
process.exit(failures.length === 0 ? 0 : 1);
