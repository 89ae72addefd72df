// Our side of parts.mjs: kernels called one by one. Usage: node parts-ours.mjs JSON, where JSON has a list of kernel
// specifications for every model. For every line on standard input it prints the milliseconds of processor time that
// each took, the fastest of a few calls.
import { createInterface } from 'node:readline';
import { makeKernel } from '#dist/engine/tensor/jit/catalogue.js';
import { NativeRoutine } from '#dist/engine/tensor/jit/native-routine.js';
import { addressOf } from '#dist/engine/tensor/native.js';
import { parseJson } from '../../scripts/lab/json.mjs';
import { processorMs } from '../../scripts/lab/machine.mjs';

/** @typedef {import('./parts.mjs').Part} Part */
/** @typedef {import('./parts.mjs').PartKernel} PartKernel */

const REPEATS = 4;

/**
 * What a kernel reads: lengths in floats.
 * @param {PartKernel} spec
 */
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
    case 'attention':
    case 'attention gradient': {
      const one = spec.batch * spec.queries * spec.heads * spec.width;
      return spec.kind === 'attention'
        ? [one, one, one]
        : [one, one, one, one, one, spec.batch * spec.heads * spec.queries * spec.keys];
    }
  }
};

/** @param {Part} part */
function prepared({ spec }) {
  const kernel = makeKernel(spec);
  const routine = new NativeRoutine(kernel.code);
  const inputs = inputsOf(spec);
  if (inputs.length !== kernel.inputs.length) throw new Error(`${spec.kind} reads ${kernel.inputs.length} arrays`);
  const buffers = [...inputs, ...kernel.outputs].map((length, at) =>
    new Float32Array(length).map((_, i) => Math.sin(i + at) * 0.1 + 0.01),
  );
  const scratch = new Float32Array(kernel.scratchBytes / 4 + 16);
  const start = addressOf(scratch);
  const table = BigUint64Array.from(buffers.map((buffer) => addressOf(buffer)));
  return { run: () => routine.call(addressOf(table), start + (-start & 63n)), keep: [buffers, scratch, table] };
}

const models = /** @type {Record<string, Part[]>} */ (parseJson(process.argv[2] ?? '{}'));
const parts = Object.entries(models).map(([name, list]) => ({ name, list: list.map(prepared) }));
const fastest = (/** @type {{ run: () => void }} */ { run }) => {
  let best = Infinity;
  for (let i = 0; i < REPEATS; i++) {
    const begin = processorMs();
    run();
    best = Math.min(best, processorMs() - begin);
  }
  return best;
};
console.log(JSON.stringify({ version: process.version }));
for await (const _line of createInterface({ input: process.stdin }))
  console.log(JSON.stringify({ ms: Object.fromEntries(parts.map(({ name, list }) => [name, list.map(fastest)])) }));
