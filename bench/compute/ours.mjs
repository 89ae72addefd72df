// Our side: whole steps of one model in one process, with the programs that a worker runs. Usage: node ours.mjs MODEL
// THREADS [--dump FOLDER] [--dist FOLDER] [--executor NAME]. `--dump` writes the initial parameters and the batch, for
// the other side to start from. For every line on standard input, a number of steps, it takes that many and prints one
// line of JSON: the times of each, in milliseconds of wall clock and of processor, the loss, the peak of the memory.
// MODEL `gemm` measures products of square matrices instead.
import { createInterface } from 'node:readline';
import { parseArgs } from 'node:util';
import { peakMb, processorMs } from '../../scripts/lab/machine.mjs';
import { sum } from '../../scripts/lab/statistics.mjs';
import { dumpTensors } from './dump.mjs';
import { engineAt } from './engine-build.mjs';
import { ADAMW, buildMeasured, LEARNING_RATE, measuredData, modelOf } from './models.mjs';

/** @typedef {import('#dist/engine/tensor/program.js').Program} Program */
/** @typedef {import('#dist/engine/tensor/program.js').Port} Port */
/** @typedef {import('#dist/engine/tensor/program.js').PortRole} PortRole */
/** @typedef {import('#dist/engine/tensor/shape.js').HostArray} HostArray */
/** @typedef {import('#dist/engine/tensor/device-memory.js').PortBuffer} PortBuffer */
/** @typedef {import('./runner.mjs').Times} Times */
/** @typedef {import('./runner.mjs').Turn} Turn */
/** @typedef {import('./runner.mjs').GemmTurn} GemmTurn */

const {
  positionals: [name, threads],
  values: options,
} = parseArgs({
  allowPositionals: true,
  options: { dump: { type: 'string' }, dist: { type: 'string' }, executor: { type: 'string', default: 'ort-cpu' } },
});
const load = engineAt(options.dist);
const { openExecutorOf } = await load('engine/tensor/open-executor.js');
const executor = await openExecutorOf(options.executor, { threads: Number(threads) });

/** @type {(work: () => void) => Times} */
const timed = (work) => {
  const [wall, cpu] = [performance.now(), processorMs()];
  work();
  return { wall: performance.now() - wall, cpu: processorMs() - cpu };
};
const say = (/** @type {unknown} */ value) => console.log(JSON.stringify(value));

/**
 * The product of two matrices of n x n.
 * @param {number} n
 * @returns {Program}
 */
function productOf(n) {
  const shape = [n, n];
  /** @type {(role: string, value: number) => Port} */
  const port = (role, value) => ({ role: { kind: 'plain', name: role }, value, shape, dtype: 'float32' });
  const attrs = { transposeA: false, transposeB: false };
  return {
    name: 'gemm',
    graph: {
      values: [0, 1, 2].map((id) => ({ id, shape, dtype: 'float32' })),
      literals: [],
      nodes: [{ op: 'BatchMatMul', inputs: [0, 1], outputs: [2], attrs }],
    },
    inputs: [port('a', 0), port('b', 1)],
    outputs: [port('c', 2)],
  };
}

/**
 * GFLOP per second of processor time of products of square matrices, by size.
 * @returns {() => GemmTurn}
 */
function gemm() {
  const products = [1024, 1536, 2048].map((n) => {
    const operand = () => new Float32Array(n * n).map((_, i) => Math.sin(i));
    return { n, bound: executor.load(productOf(n)).bind([operand(), operand()], [new Float32Array(n * n)]) };
  });
  return () => ({
    rates: Object.fromEntries(products.map(({ n, bound }) => [n, (2 * n ** 3) / timed(() => bound.run()).cpu / 1e6])),
  });
}

/** In the memory that the executor computes with. */
const { placed } = await load('engine/tensor/device-memory.js');
/** @typedef {Float32Array | import('#dist/engine/tensor/device-memory.js').DeviceBuffer} Vector */
/** @type {(data: Float32Array) => Vector} */
const place = (data) => placed(executor.memory ?? null, data);

/** The slabs of a model, and the buffers of what its programs read and write, made when they are first asked for. */
async function buffersFor(/** @type {import('#dist/engine/index.js').Model} */ { blocks }) {
  const { slabLayout, initializeSlab, entryView } = await load('engine/model/slab.js');
  const { roleName } = await load('engine/tensor/program.js');
  const { hostArray } = await load('engine/tensor/shape.js');
  const slabs = blocks.map((block) => {
    const layout = slabLayout(block);
    const weights = new Float32Array(layout.length);
    initializeSlab(block, layout, 1, weights);
    return {
      block,
      layout,
      initial: weights,
      weights: place(weights),
      gradients: place(new Float32Array(layout.length)),
    };
  });
  /** What is written and read by hand. @type {Map<string, HostArray>} */
  const others = new Map();
  /** What programs leave for each other. @type {Map<string, PortBuffer>} */
  const between = new Map();
  /** @type {(role: { block: number, name: string }, part: 'weights' | 'gradients') => Vector} */
  const view = (role, part) => {
    const slab = slabs[role.block];
    const entry = slab?.layout.entries.find((one) => one.name === role.name);
    if (slab === undefined || entry === undefined) throw new Error(`no parameter ${role.block}/${role.name}`);
    return entryView(slab[part], entry);
  };
  /** @type {(port: Pick<Port, 'role' | 'dtype' | 'shape'>) => PortBuffer} */
  const bufferOf = ({ role, dtype, shape }) => {
    if (role.kind === 'param') return view(role, 'weights');
    if (role.kind === 'paramGrad') return view(role, 'gradients');
    const key = roleName(role);
    const known = others.get(key) ?? between.get(key);
    if (known !== undefined) return known;
    const buffer = hostArray(dtype, shape);
    if (role.kind !== 'saved') {
      others.set(key, buffer);
      return buffer;
    }
    const left = placed(executor.memory ?? null, buffer);
    between.set(key, left);
    return left;
  };
  return { slabs, others, bufferOf, entryView };
}

/** @returns {Promise<(count: number) => Turn>} */
async function training() {
  const { compileStage } = await load('engine/model/compile.js');
  const { Optimizer } = await load('engine/tensor/optimizer.js');
  const { fillField, fillWeights } = await load('engine/data/micro-batch.js');
  const { model, data } = await buildMeasured(name, load);
  const { B } = modelOf(name).sizes;
  const programs = compileStage({
    model,
    data,
    from: 0,
    to: model.blocks.length,
    microBatch: B,
    needsInputGradient: false,
    logSumExp: executor.logSumExp,
  });
  const { slabs, others, bufferOf, entryView } = await buffersFor(model);
  const bind = (/** @type {Program} */ program) =>
    executor.load(program).bind(program.inputs.map(bufferOf), program.outputs.map(bufferOf));
  const forward = bind(programs.forward);
  const backward = bind(programs.backward);
  const ids = Int32Array.from({ length: B }, (_, i) => i);
  const dataset = measuredData(name, data);
  const fields = data.fields.flatMap((spec) => {
    const buffer = others.get(`field ${spec.name}`);
    return buffer === undefined || buffer instanceof Uint16Array
      ? []
      : [{ ...spec, shape: [B, ...spec.shape], buffer }];
  });
  for (const { name: field, buffer } of fields) fillField(dataset, field, ids, buffer);
  const weight = others.get('field #weight');
  if (weight instanceof Float32Array) fillWeights(ids, B, weight);
  if (options.dump !== undefined)
    dumpTensors(
      options.dump,
      modelOf(name),
      slabs.map(({ block, layout, initial }) => ({ block, layout, weights: initial })),
      fields,
      entryView,
    );
  const optimizer = new Optimizer(executor, ADAMW);
  const updates = slabs.map(({ layout: { length, segments }, weights, gradients }) =>
    optimizer.bind(
      weights,
      gradients,
      [0, 1].map(() => place(new Float32Array(length))),
      segments,
    ),
  );

  let updateCount = 0;
  const step = () => {
    updateCount++;
    const parts = {
      forward: timed(() => forward.run()),
      backward: timed(() => backward.run()),
      optimizer: timed(() => {
        for (const update of updates) update.run({ learningRate: LEARNING_RATE, gradientScale: 1, updateCount });
      }),
    };
    const total = (/** @type {keyof Times} */ clock) => sum(Object.values(parts).map((times) => times[clock]));
    return { ...parts, step: { wall: total('wall'), cpu: total('cpu') } };
  };
  return (count) => ({
    steps: Array.from({ length: count }, step),
    loss: others.get('loss')?.[0] ?? Number.NaN,
    peakMb: peakMb(),
  });
}

const baseMb = peakMb();
const take = name === 'gemm' ? gemm() : await training();
say({ version: executor.name, baseMb });
for await (const line of createInterface({ input: process.stdin })) say(take(Number(line)));
