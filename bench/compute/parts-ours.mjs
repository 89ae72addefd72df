// Our side of parts.mjs: kernels called one by one. Usage: node parts-ours.mjs JSON, where JSON has a list of kernel
// specifications for every model. For every line on standard input it prints the milliseconds of processor time that
// each took, the fastest of a few calls.
import { createInterface } from 'node:readline';
import { engineAt } from './models.mjs';

const load = engineAt();
const { makeKernel } = await load('engine/tensor/jit/catalogue.js');
const { NativeRoutine } = await load('engine/tensor/jit/native-routine.js');
const { addressOf } = await load('engine/tensor/native.js');
const REPEATS = 4;

/** What a kernel reads: lengths in floats. */
const inputsOf = (spec) => {
  switch (spec.kind) {
    case 'gemm':
      return [spec.rows * spec.inner, spec.inner * spec.columns];
    case 'gelu':
      return [spec.size];
    case 'gelu gradient':
      return [spec.size, spec.size];
    case 'layer norm':
      return [spec.rows * spec.width, spec.width, spec.width];
    case 'layer norm gradient':
      return [spec.rows * spec.width, spec.rows * spec.width, spec.width, spec.rows, spec.rows];
    default: {
      const one = spec.batch * spec.queries * spec.heads * spec.width;
      return spec.kind === 'attention'
        ? [one, one, one]
        : [one, one, one, one, one, spec.batch * spec.heads * spec.queries * spec.keys];
    }
  }
};

function prepared(asked) {
  const spec = asked.kind === 'gemm' ? { ...asked, hasBias: false } : asked;
  const kernel = makeKernel(spec);
  const routine = new NativeRoutine(kernel.code);
  const inputs = inputsOf(spec);
  if (inputs.length !== kernel.inputs.length) throw new Error(`${spec.kind} reads ${kernel.inputs.length} arrays`);
  const buffers = [...inputs, ...kernel.outputs].map((length, at) =>
    new Float32Array(length).map((_, i) => Math.sin(i + at) * 0.1 + 0.01),
  );
  const scratch = new Float32Array(kernel.scratchBytes / 4 + 16);
  const start = addressOf(scratch);
  const table = BigUint64Array.from(buffers, addressOf);
  return { run: () => routine.call(addressOf(table), start + (-start & 63n)), keep: [buffers, scratch, table] };
}

const models = JSON.parse(process.argv[2]);
const parts = Object.fromEntries(
  Object.entries(models).map(([name, specs]) => [name, specs.map(({ title: _, ...spec }) => prepared(spec))]),
);
const processor = () => {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
};
const fastest = ({ run }) => {
  let best = Infinity;
  for (let i = 0; i < REPEATS; i++) {
    const begin = processor();
    run();
    best = Math.min(best, processor() - begin);
  }
  return best;
};
console.log(JSON.stringify({ version: process.version }));
for await (const _line of createInterface({ input: process.stdin }))
  console.log(
    JSON.stringify({ ms: Object.fromEntries(Object.entries(parts).map(([name, list]) => [name, list.map(fastest)])) }),
  );
