// Our side on several cores as pipetrain uses them: that many data-parallel workers of one thread each, over the same
// global batch. Usage: node workers.mjs MODEL WORKERS, with the conversation of ours.mjs. This process plays the
// coordinator; the workers hold the seats that workers of a run hold: micro-batches, reduction in shared memory, update
// after the commit.
import { fork, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { buildMeasured, engineAt, LEARNING_RATE, MODELS } from './models.mjs';

const [name, workersText] = process.argv.slice(2);
const load = engineAt();
const { MemoryFolder } = await load('engine/memory/memory-folder.js');
const { assembleStep } = await load('engine/protocol/step-result.js');
const count = Number(workersText);
const { B } = MODELS[name].sizes;
const { model } = await buildMeasured(name, load);
const memory = new MemoryFolder();
const ids = Array.from({ length: count }, (_, i) => `w${i}`);
const plan = {
  generation: 1,
  frozen: 0,
  microBatch: B / count,
  numMicroBatches: count,
  schedule: '1f1b',
  replicas: ids.map((worker, i) => ({ start: i, count: 1, stages: [{ worker, from: 0, to: model.blocks.length }] })),
  usesCache: false,
  previousCacheDepth: null,
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

/** Tells every worker something and waits for all answers. */
async function all(message) {
  const answers = Promise.all(children.map(async (child) => (await once(child, 'message'))[0]));
  for (const child of children) child.send(message);
  return answers;
}

const opened = await all({ type: 'open' });
const colleagues = Object.fromEntries(
  opened.map(({ worker, address, fingerprint }) => [worker, { address, fingerprint, domain: 'bench' }]),
);
await all({ type: 'prepare', plan, keeper: 0, colleagues });
await all({ type: 'activate', generation: plan.generation });

let stepNumber = 0;
let loss = 0;
let peakMb = 0;
const processor = (reports) => reports.reduce((sum, { cpu }) => sum + cpu, 0);
async function step() {
  const begin = performance.now();
  const reports = await all({ type: 'step', step: stepNumber });
  const result = assembleStep(new Map(reports.map(({ report }, i) => [ids[i], report])), model.blocks.length, count);
  loss = result.loss;
  const commit = {
    type: 'commit',
    generation: plan.generation,
    step: stepNumber,
    learningRate: LEARNING_RATE,
    gradientScale: 1,
    updateCount: ++stepNumber,
    goesOn: true,
    snapshot: null,
  };
  const applied = await all(commit);
  peakMb = applied.reduce((sum, { peakMb: one }) => sum + one, 0);
  const wall = performance.now() - begin;
  return {
    step: { wall, cpu: processor(reports) + processor(applied) },
    compute: { wall: result.computeMs / count },
    reduce: { wall: result.reduceMs / count },
  };
}

console.log(JSON.stringify({ version: 'workers', baseMb: opened.reduce((sum, { baseMb }) => sum + baseMb, 0) }));
for await (const line of createInterface({ input: process.stdin })) {
  const steps = [];
  for (let i = 0; i < Number(line); i++) steps.push(await step());
  console.log(JSON.stringify({ steps, loss, peakMb }));
}
await all({ type: 'close' });
memory.close();
