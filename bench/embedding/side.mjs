// One side of run.mjs: training steps of an encoder with one build of the engine, the block of the embedding on a stage
// of its own, so that what it costs can be told from the rest. Usage: node side.mjs JSON [DIST]. For every line on
// standard input, a number of steps, it takes that many and prints one line of JSON: the milliseconds of the parts of
// each step on the stage of the embedding, the bytes that it sent, and a digest of losses and weights.
import { createHash } from 'node:crypto';
import { createInterface } from 'node:readline';
import { parseJson } from '../../scripts/lab/json.mjs';
import { peakMb } from '../../scripts/lab/machine.mjs';
import { engineAt } from '../compute/engine-build.mjs';
import { ADAMW, LEARNING_RATE } from '../compute/models.mjs';
import { tokenAt } from './tokens.mjs';

/** @typedef {import('#dist/engine/core/plan.js').Plan} Plan */
/** @typedef {import('#dist/engine/data/dataset.js').DataInfo} DataInfo */
/** @typedef {import('#dist/engine/data/dataset.js').Dataset} Dataset */
/** @typedef {import('#dist/engine/protocol/colleagues.js').Introduction} Introduction */
/** @typedef {import('#dist/engine/protocol/messages.js').ReportOf<'step-ready'>} StepReport */
/** @typedef {import('#dist/engine/worker/workplace.js').Workplace} Workplace */

/**
 * What is trained.
 * @typedef {object} Case
 * @property {string | null} model Folder of an encoder, null for a tiny one that is made up.
 * @property {number} vocabulary
 * @property {number} tokens Of a sample.
 * @property {number} microBatch Samples of a micro-batch.
 * @property {number} microBatches Of a step.
 * @property {number} replicas
 * @property {boolean} apart Whether each replica is on a host of its own.
 */

/**
 * Milliseconds on the stage of the embedding, of the slowest replica, and bytes that all its workers sent.
 * @typedef {{ forward: number, backward: number, reduce: number, update: number, sent: number }} Parts
 */

/** @typedef {{ steps: Parts[], digest: string, peakMb: number }} SideTurn */

const SEED = 1;
const SAMPLES = 4096;
const FLOAT = 4;
const given = /** @type {Case} */ (parseJson(process.argv[2] ?? '{}'));
const { vocabulary, tokens, microBatch, microBatches, replicas } = given;
const load = engineAt(process.argv[3]);
const { MemoryFolder } = await load('engine/memory/memory-folder.js');
const { buildModel } = await load('engine/model/build-model.js');
const { builtInModel } = await load('engine/model/registry.js');
const { loadModelDefinition } = await load('engine/model/load-model.js');
const { colleaguesFor } = await load('engine/protocol/colleagues.js');
const { assembleStep } = await load('engine/protocol/step-result.js');
const { vectorLanes } = await load('engine/tensor/jit/cpu-features.js');
const { openExecutor } = await load('engine/tensor/open-executor.js');
const { NO_CACHE } = await load('engine/worker/cache-settings.js');
const { assembleEquipment } = await load('engine/worker/equipment.js');
const { Workplace: Place } = await load('engine/worker/workplace.js');

const batch = microBatch * microBatches;
/** @type {DataInfo} */
const info = {
  task: 'text-classification',
  fields: [
    { name: 'tokens', shape: [tokens], dtype: 'int32' },
    { name: 'mask', shape: [tokens], dtype: 'float32' },
    { name: 'label', shape: [], dtype: 'int32' },
  ],
  classes: 2,
  vocabulary,
  sequence: tokens,
};
/** @type {Dataset} */
const dataset = {
  source: 'made up',
  info,
  numTrain: SAMPLES,
  numValidation: 0,
  digest: '',
  tokenizer: null,
  labels: [],
  read(id, field, out, row) {
    if (field === 'label') out[row] = id % 2;
    else for (let i = 0; i < tokens; i++) out[row * tokens + i] = field === 'mask' ? 1 : tokenAt(id, i, vocabulary);
  },
};
const bert = builtInModel('bert');
if (bert === null) throw new Error('this build has no model "bert"');
const model =
  given.model === null
    ? buildModel(bert, { width: 16, layers: 1, heads: 2, ff: 32, dropout: 0 }, info)
    : buildModel(await loadModelDefinition(`hf:${given.model}`), { dropout: 0 }, info);

/** Floats that the stages of the embedding sent to other hosts. */
let sent = 0;
/** Workers that have the embedding, and the others. */
const isFirst = (/** @type {string} */ worker) => worker.endsWith('a');
const memory = new MemoryFolder();
/** @type {Map<string, Workplace>} */
const places = new Map();
/** @type {[string, Introduction][]} */
const introductions = [];
for (let replica = 0; replica < replicas; replica++)
  for (const worker of [`r${replica}a`, `r${replica}b`]) {
    const domain = given.apart ? `host${replica}` : 'host';
    const place = new Place({
      equipment: assembleEquipment({
        worker,
        memory: { folder: memory.path, domain, isHome: true },
        subject: { model, dataset, batch, seed: SEED },
        device: { executor: openExecutor({ threads: 1 }), lanes: vectorLanes(), poolBytes: 2 ** 30 },
        optimizer: ADAMW,
        kept: { results: null, identity: null },
        cache: NO_CACHE,
      }),
      port: {
        host: '127.0.0.1',
        port: 0,
        url: 'ws://127.0.0.1',
        home: null,
        onDropped: (peer, reason) => console.error(`${peer}: ${reason}`),
      },
      onCacheOff: () => undefined,
    });
    places.set(worker, place);
    introductions.push([worker, { ...(await place.neighbours.open()), domain }]);
    if (isFirst(worker)) countSent(place);
  }

/** @param {Workplace} place */
function countSent({ neighbours }) {
  const write = neighbours.write.bind(neighbours);
  neighbours.write = (worker, to, data, offset) => {
    sent += data.length;
    write(worker, to, data, offset);
  };
  // A build from before there were rows has none to send.
  if (!('writeRows' in neighbours)) return;
  const writeRows = neighbours.writeRows.bind(neighbours);
  neighbours.writeRows = (worker, to, rows) => {
    sent += rows.ids.length + rows.values.length;
    writeRows(worker, to, rows);
  };
}

/** @type {Plan} */
const plan = {
  generation: 1,
  frozen: 0,
  frozenBefore: 0,
  microBatch,
  numMicroBatches: microBatches,
  schedule: 'gpipe',
  replicas: Array.from({ length: replicas }, (_, r) => ({
    start: (r * microBatches) / replicas,
    count: microBatches / replicas,
    stages: [
      { worker: `r${r}a`, from: 0, to: 1 },
      { worker: `r${r}b`, from: 1, to: model.blocks.length },
    ],
  })),
  usesCache: false,
  previousCacheDepth: null,
  sources: model.blocks.map(() => null),
  restore: null,
  reason: 'benchmark',
};
const each = (/** @type {(place: Workplace, worker: string) => unknown} */ act) =>
  Promise.all([...places].map(([worker, place]) => act(place, worker)));
await each((place, worker) => place.prepare({ plan, keeper: 0, colleagues: colleaguesFor(worker, introductions) }));
await each((place) => place.activate(plan.generation));

/**
 * Under GPipe the first half of a worker's actions are its forwards, the other half its backwards.
 * @param {readonly number[]} spans
 */
function halves(spans) {
  const times = Array.from({ length: spans.length / 2 }, (_, i) => (spans[2 * i + 1] ?? 0) - (spans[2 * i] ?? 0));
  const total = (/** @type {number[]} */ part) => part.reduce((a, b) => a + b, 0);
  return { forward: total(times.slice(0, times.length / 2)), backward: total(times.slice(times.length / 2)) };
}

const digest = createHash('sha256');
let number = 0;
/** @returns {Promise<Parts>} */
async function step() {
  const ids = Int32Array.from({ length: batch }, (_, i) => (number * batch + i) % SAMPLES);
  const before = sent;
  /** @type {Map<string, StepReport>} */
  const reports = new Map();
  await each(async (place, worker) => {
    const report = await place.at(1).seating?.runStep(number, ids);
    if (report?.type === 'step-ready') reports.set(worker, report);
  });
  const { loss } = assembleStep(reports, model.blocks.length, microBatches);
  digest.update(Float32Array.of(loss));
  number++;
  let update = 0;
  for (const [worker, place] of places) {
    const from = performance.now();
    await place.at(1).seating?.apply({
      type: 'commit',
      generation: 1,
      step: number - 1,
      learningRate: LEARNING_RATE,
      gradientScale: 1,
      updateCount: number,
      goesOn: true,
      snapshot: null,
    });
    if (isFirst(worker)) update = Math.max(update, performance.now() - from);
  }
  const own = [...reports].filter(([worker]) => isFirst(worker)).map(([, report]) => report);
  const most = (/** @type {(report: StepReport) => number} */ pick) => Math.max(...own.map(pick));
  return {
    forward: most(({ spans }) => halves(spans).forward),
    backward: most(({ spans }) => halves(spans).backward),
    reduce: most(({ reduceMs }) => reduceMs),
    update,
    sent: FLOAT * (sent - before),
  };
}

console.log(JSON.stringify({ version: 'side', baseMb: peakMb() }));
for await (const line of createInterface({ input: process.stdin })) {
  const steps = [];
  for (let i = 0; i < Number(line); i++) steps.push(await step());
  const all = digest.copy();
  for (const [block] of model.blocks.entries())
    all.update(places.get(block === 0 ? 'r0a' : 'r0b')?.equipment.place.store.weights(block) ?? '');
  console.log(JSON.stringify({ steps, digest: all.digest('hex'), peakMb: peakMb() }));
}
await each((place) => place.close());
memory.close();
