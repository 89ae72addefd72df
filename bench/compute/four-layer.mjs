// One training step of the four-layer reference model (d 256, 4 heads, ff 1024, batch 8 x 128 tokens, pre-norm, exact GELU, AdamW, loss = mean of
// squares) on our executor. Usage: node four-layer.mjs THREADS [DIST]. For every line on standard input, a number of steps, it takes that many
// steps and prints one line of JSON: the times of each, in milliseconds of wall clock and of processor, the loss, the peak memory.
import { createInterface } from 'node:readline';
import { pathToFileURL } from 'node:url';

const [threads, dist] = [Number(process.argv[2]), process.argv[3]];
const root = dist === undefined ? new URL('../../dist/', import.meta.url) : pathToFileURL(`${dist}/`);
const load = (path) => import(new URL(`engine/${path}`, root));
const { compileStage } = await load('model/compile.js');
const { slabLayout, initializeSlab, entryView } = await load('model/slab.js');
const { openExecutor } = await load('tensor/open-executor.js');
const { Optimizer } = await load('tensor/optimizer.js');
const { roleName } = await load('tensor/program.js');
const { hostArray } = await load('tensor/shape.js');
const { nn, tf } = await load('index.js');

const [B, T, D, H, FF, L] = [8, 128, 256, 4, 1024, 4];
const normal = (shape) => ({ shape, init: { kind: 'normal', std: 0.02 }, decay: true });
const constant = (n, kind) => ({ shape: [n], init: { kind }, decay: false });
const norm = (x, p) => nn.layerNorm(x, p.gain, p.shift);

const blocks = Array.from({ length: L }, (_, layer) => [
  {
    name: `layer${layer}.attention`,
    kind: 'attention',
    layer,
    params: { gain: constant(D, 'ones'), shift: constant(D, 'zeros'), wq: normal([D, D]), wk: normal([D, D]), wv: normal([D, D]), wo: normal([D, D]), bq: constant(D, 'zeros'), bk: constant(D, 'zeros'), bv: constant(D, 'zeros'), bo: constant(D, 'zeros') },
    forward(x_BTD, p, context) {
      const x = x_BTD ?? context.field('x');
      const n = norm(x, p);
      return tf.add(x, nn.linear(nn.attention(nn.linear(n, p.wq, p.bq), nn.linear(n, p.wk, p.bk), nn.linear(n, p.wv, p.bv), { heads: H }), p.wo, p.bo));
    },
  },
  {
    name: `layer${layer}.mlp`,
    kind: 'mlp',
    layer,
    params: { gain: constant(D, 'ones'), shift: constant(D, 'zeros'), w1: normal([D, FF]), w2: normal([FF, D]), b1: constant(FF, 'zeros'), b2: constant(D, 'zeros') },
    forward: (x, p) => tf.add(x, nn.linear(nn.gelu(nn.linear(norm(x, p), p.w1, p.b1)), p.w2, p.b2)),
  },
]).flat();
const model = { name: 'four-layer', blocks, loss: (y_BTD) => tf.mean(tf.square(y_BTD), [1, 2]), score: null, metric: { name: 'loss', higherIsBetter: false } };
const data = { task: 'other', fields: [{ name: 'x', shape: [T, D], dtype: 'float32' }], classes: null, vocabulary: null, sequence: T };

const executor = openExecutor({ threads });
const programs = compileStage({ model, data, from: 0, to: blocks.length, microBatch: B, needsInputGradient: false });
const layouts = blocks.map(slabLayout);
const slabs = layouts.map((layout, i) => {
  const slab = new Float32Array(layout.length);
  initializeSlab(blocks[i], layout, 1, slab);
  return slab;
});
const gradients = layouts.map(({ length }) => new Float32Array(length));
const buffers = new Map();
const view = (slabsOf, { block, name }) => entryView(slabsOf[block], layouts[block].entries.find((entry) => entry.name === name));
const bufferOf = ({ role, dtype, shape }) => {
  if (role.kind === 'param') return view(slabs, role);
  if (role.kind === 'paramGrad') return view(gradients, role);
  const name = roleName(role);
  if (!buffers.has(name)) buffers.set(name, hostArray(dtype, shape));
  return buffers.get(name);
};
const bind = (program) => executor.load(program).bind(program.inputs.map(bufferOf), program.outputs.map(bufferOf));
const forward = bind(programs.forward);
const backward = bind(programs.backward);
const x = buffers.get('field x');
for (let i = 0; i < x.length; i++) x[i] = Math.sin(i * 12.9898) * 1.5;
buffers.get('field #weight').fill(1 / B);
const optimizer = new Optimizer(executor, { kind: 'adamw', beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0.01 });
const updates = layouts.map(({ length, segments }, i) => optimizer.bind(slabs[i], gradients[i], [new Float32Array(length), new Float32Array(length)], segments));

let updateCount = 0;
const parts = {
  forward: () => forward.run(),
  backward: () => backward.run(),
  optimizer: () => updates.forEach((update) => update.run({ learningRate: 1e-4, gradientScale: 1, updateCount })),
};
const processor = () => {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
};
const timed = (work) => {
  const [wall, cpu] = [performance.now(), processor()];
  work();
  return { wall: performance.now() - wall, cpu: processor() - cpu };
};
function step() {
  updateCount++;
  const times = Object.fromEntries(Object.entries(parts).map(([part, work]) => [part, timed(work)]));
  const sum = (clock) => Object.values(times).reduce((total, time) => total + time[clock], 0);
  return { ...times, step: { wall: sum('wall'), cpu: sum('cpu') } };
}
console.log(JSON.stringify({ version: executor.name }));
for await (const line of createInterface({ input: process.stdin })) {
  const steps = Array.from({ length: Number(line) }, step);
  console.log(JSON.stringify({ steps, loss: buffers.get('loss')[0], peakMb: process.resourceUsage().maxRSS / 1024 }));
}
