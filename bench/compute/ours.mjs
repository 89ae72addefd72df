// Our side: whole steps of one model in one process, with the programs that a worker runs. Usage: node ours.mjs MODEL
// THREADS [--dump FOLDER] [--dist FOLDER]. `--dump` writes the initial parameters and the batch, for the other side to
// start from. For every line on standard input, a number of steps, it takes that many and prints one line of JSON: the
// times of each, in milliseconds of wall clock and of processor, the loss, the peak of the memory. MODEL `gemm`
// measures products of square matrices instead.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { parseArgs } from 'node:util';
import { ADAMW, buildMeasured, engineAt, LEARNING_RATE, measuredData, MODELS } from './models.mjs';

const {
  positionals: [name, threadsText],
  values: options,
} = parseArgs({ allowPositionals: true, options: { dump: { type: 'string' }, dist: { type: 'string' } } });
const load = engineAt(options.dist);
const { openExecutor } = await load('engine/tensor/open-executor.js');
const executor = openExecutor({ threads: Number(threadsText) });

const processor = () => {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
};
const peakMb = () => process.resourceUsage().maxRSS / 1024;
const timed = (work) => {
  const [wall, cpu] = [performance.now(), processor()];
  work();
  return { wall: performance.now() - wall, cpu: processor() - cpu };
};
const say = (value) => console.log(JSON.stringify(value));

/** GFLOP per second of processor time of products of square matrices, by size. */
function gemm() {
  const products = [1024, 1536, 2048].map((n) => {
    const value = (id) => ({ id, shape: [n, n], dtype: 'float32' });
    const port = (role, id) => ({ role: { kind: 'plain', name: role }, value: id, shape: [n, n], dtype: 'float32' });
    const node = { op: 'BatchMatMul', inputs: [0, 1], outputs: [2], attrs: { transposeA: false, transposeB: false } };
    const program = {
      name: 'gemm',
      graph: { values: [0, 1, 2].map(value), literals: [], nodes: [node] },
      inputs: [port('a', 0), port('b', 1)],
      outputs: [port('c', 2)],
    };
    const operand = () => new Float32Array(n * n).map((_, i) => Math.sin(i));
    return { n, bound: executor.load(program).bind([operand(), operand()], [new Float32Array(n * n)]) };
  });
  return () => ({
    rates: Object.fromEntries(products.map(({ n, bound }) => [n, (2 * n ** 3) / timed(() => bound.run()).cpu / 1e6])),
  });
}

async function training() {
  const { compileStage } = await load('engine/model/compile.js');
  const { slabLayout, initializeSlab, entryView } = await load('engine/model/slab.js');
  const { Optimizer } = await load('engine/tensor/optimizer.js');
  const { roleName } = await load('engine/tensor/program.js');
  const { hostArray } = await load('engine/tensor/shape.js');
  const { fillField, fillWeights } = await load('engine/data/micro-batch.js');
  const { model, data } = await buildMeasured(name, load);
  const { blocks } = model;
  const { B } = MODELS[name].sizes;
  const programs = compileStage({ model, data, from: 0, to: blocks.length, microBatch: B, needsInputGradient: false });
  const layouts = blocks.map(slabLayout);
  const slabs = layouts.map((layout, i) => {
    const slab = new Float32Array(layout.length);
    initializeSlab(blocks[i], layout, 1, slab);
    return slab;
  });
  const gradients = layouts.map(({ length }) => new Float32Array(length));
  const buffers = new Map();
  const view = (slabsOf, role) =>
    entryView(
      slabsOf[role.block],
      layouts[role.block].entries.find((entry) => entry.name === role.name),
    );
  const bufferOf = ({ role, dtype, shape }) => {
    if (role.kind === 'param') return view(slabs, role);
    if (role.kind === 'paramGrad') return view(gradients, role);
    const key = roleName(role);
    if (!buffers.has(key)) buffers.set(key, hostArray(dtype, shape));
    return buffers.get(key);
  };
  const bind = (program) => executor.load(program).bind(program.inputs.map(bufferOf), program.outputs.map(bufferOf));
  const forward = bind(programs.forward);
  const backward = bind(programs.backward);
  const ids = Int32Array.from({ length: B }, (_, i) => i);
  const dataset = measuredData(name, data);
  for (const field of data.fields) {
    const buffer = buffers.get(`field ${field.name}`);
    if (buffer !== undefined) fillField(dataset, field.name, ids, buffer);
  }
  fillWeights(ids, B, buffers.get('field #weight'));
  if (options.dump !== undefined) dump(blocks, layouts, slabs, entryView, data, buffers);
  const optimizer = new Optimizer(executor, ADAMW);
  const updates = layouts.map(({ length, segments }, i) =>
    optimizer.bind(slabs[i], gradients[i], [new Float32Array(length), new Float32Array(length)], segments),
  );

  let updateCount = 0;
  const parts = {
    forward: () => forward.run(),
    backward: () => backward.run(),
    optimizer: () =>
      updates.forEach((update) => update.run({ learningRate: LEARNING_RATE, gradientScale: 1, updateCount })),
  };
  const step = () => {
    updateCount++;
    const times = Object.fromEntries(Object.entries(parts).map(([part, work]) => [part, timed(work)]));
    const sum = (clock) => Object.values(times).reduce((total, time) => total + time[clock], 0);
    return { ...times, step: { wall: sum('wall'), cpu: sum('cpu') } };
  };
  return (count) => ({ steps: Array.from({ length: count }, step), loss: buffers.get('loss')[0], peakMb: peakMb() });
}

/** Writes parameters and fields one after another into a file, and a list of them into another. */
function dump(blocks, layouts, slabs, entryView, data, buffers) {
  const entries = blocks.flatMap((block, i) =>
    layouts[i].entries.map((entry) => ({
      name: `${block.name}/${entry.name}`,
      shape: entry.shape,
      dtype: 'float32',
      decays: entry.decays,
      data: entryView(slabs[i], entry),
    })),
  );
  const { B } = MODELS[name].sizes;
  for (const { name: field, shape, dtype } of data.fields)
    entries.push({
      name: `field/${field}`,
      shape: [B, ...shape],
      dtype,
      decays: false,
      data: buffers.get(`field ${field}`),
    });
  writeFileSync(
    join(options.dump, 'tensors.bin'),
    Buffer.concat(entries.map(({ data: values }) => Buffer.from(values.buffer, values.byteOffset, values.byteLength))),
  );
  writeFileSync(
    join(options.dump, 'tensors.json'),
    JSON.stringify({ sizes: MODELS[name].sizes, entries: entries.map(({ data: _, ...entry }) => entry) }),
  );
}

const baseMb = peakMb();
const take = name === 'gemm' ? gemm() : await training();
say({ version: executor.name, baseMb });
for await (const line of createInterface({ input: process.stdin })) say(take(Number(line)));
