// Our side on several cores as pipetrain uses them: that many data-parallel workers of one thread each, over the same
// global batch. Usage: node workers.mjs MODEL WORKERS, with the conversation of ours.mjs. This process plays the
// coordinator; the workers hold the seats that workers of a run hold: micro-batches, reduction in shared memory, update
// after the commit.
import { fork, spawnSync } from 'node:child_process';
import { createInterface } from 'node:readline';
import { MemoryFolder } from '#dist/engine/memory/memory-folder.js';
import { colleaguesFor } from '#dist/engine/protocol/colleagues.js';
import { assembleStep } from '#dist/engine/protocol/step-result.js';
import { sum } from '../../scripts/lab/statistics.mjs';
import { engineAt } from './engine-build.mjs';
import { buildMeasured, LEARNING_RATE, modelOf } from './models.mjs';

/** @typedef {import('#dist/engine/core/plan.js').Plan} Plan */
/** @typedef {import('./worker.mjs').WorkerOrder} WorkerOrder */
/** @typedef {import('./worker.mjs').WorkerAnswer} WorkerAnswer */

const [name = '', workersText] = process.argv.slice(2);
const count = Number(workersText);
const { B } = modelOf(name).sizes;
const { model } = await buildMeasured(name, engineAt());
const memory = new MemoryFolder();
const ids = Array.from({ length: count }, (_, i) => `w${i}`);
/** @type {Plan} */
const plan = {
  generation: 1,
  frozen: 0,
  microBatch: B / count,
  numMicroBatches: count,
  schedule: '1f1b',
  replicas: ids.map((worker, i) => ({ start: i, count: 1, stages: [{ worker, from: 0, to: model.blocks.length }] })),
  usesCache: false,
  previousCacheDepth: null,
  frozenBefore: 0,
  sources: model.blocks.map(() => null),
  restore: null,
  reason: 'benchmark',
};

const children = ids.map((worker) =>
  fork(new URL('worker.mjs', import.meta.url), [name, worker, memory.path], {
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  }),
);
if (process.platform === 'linux')
  children.forEach((child, i) => spawnSync('taskset', ['-cp', String(i), String(child.pid)], { stdio: 'ignore' }));
for (const child of children) child.once('exit', (code) => code !== 0 && process.exit(1));

/**
 * Tells every worker something and waits for all answers.
 * @param {WorkerOrder | ((worker: string) => WorkerOrder)} message The same for all, or one for each.
 */
async function all(message) {
  /** @type {(child: import('node:child_process').ChildProcess) => Promise<WorkerAnswer>} */
  const answerOf = (child) =>
    new Promise((resolve) => child.once('message', (answer) => resolve(/** @type {WorkerAnswer} */ (answer))));
  const answers = Promise.all(children.map(answerOf));
  for (const [i, child] of children.entries())
    child.send(typeof message === 'function' ? message(ids[i] ?? '') : message);
  return answers;
}

const opened = await all({ type: 'open' });
/** @type {[string, import('#dist/engine/protocol/colleagues.js').Introduction][]} */
const introductions = opened.map(({ worker = '', address = '', fingerprint = null, secret = '' }) => [
  worker,
  { address, fingerprint, secret, domain: 'bench' },
]);
await all((worker) => ({ type: 'prepare', plan, keeper: 0, colleagues: colleaguesFor(worker, introductions) }));
await all({ type: 'activate', generation: plan.generation });

let stepNumber = 0;
let loss = 0;
let peakMb = 0;
const processor = (/** @type {WorkerAnswer[]} */ answers) => sum(answers.map(({ cpu = 0 }) => cpu));
async function step() {
  const begin = performance.now();
  const reports = await all({ type: 'step', step: stepNumber });
  const byWorker = new Map(
    reports.flatMap(({ report }, i) => (report?.type !== 'step-ready' ? [] : [[ids[i] ?? '', report]])),
  );
  const result = assembleStep(byWorker, model.blocks.length, count);
  loss = result.loss;
  const applied = await all({
    type: 'commit',
    generation: plan.generation,
    step: stepNumber,
    learningRate: LEARNING_RATE,
    gradientScale: 1,
    updateCount: ++stepNumber,
    goesOn: true,
    snapshot: null,
  });
  peakMb = sum(applied.map(({ peakMb: one = 0 }) => one));
  const wall = performance.now() - begin;
  return {
    step: { wall, cpu: processor(reports) + processor(applied) },
    compute: { wall: result.computeMs / count },
    reduce: { wall: result.reduceMs / count },
  };
}

console.log(JSON.stringify({ version: 'workers', baseMb: sum(opened.map(({ baseMb = 0 }) => baseMb)) }));
for await (const line of createInterface({ input: process.stdin })) {
  const steps = [];
  for (let i = 0; i < Number(line); i++) steps.push(await step());
  console.log(JSON.stringify({ steps, loss, peakMb }));
}
await all({ type: 'close' });
memory.close();
