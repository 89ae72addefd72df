// Memory of torch-cpu over many steps, in one process: neither the tensors that libtorch holds nor the resident set may
// grow, steps that fail among them. Prints what it saw and exits with 1 where something grew; says so and exits with 0
// where no PyTorch is installed. Usage: npm run soak:torch -- --steps 2000 [--allow-mb 24]
import { parseArgs } from 'node:util';
import { compileStage } from '#dist/engine/model/compile.js';
import { initializeSlab, slabLayout } from '#dist/engine/model/slab.js';
import { openExecutorOf } from '#dist/engine/tensor/open-executor.js';
import { roleName } from '#dist/engine/tensor/program.js';
import { hostArray } from '#dist/engine/tensor/shape.js';
import { engineAt } from '../bench/compute/engine-build.mjs';
import { buildMeasured, modelOf } from '../bench/compute/models.mjs';
import { wholeNumber } from './lab/command-line.mjs';
import { conclude } from './lab/verdict.mjs';

/** @typedef {import('#dist/engine/tensor/program.js').Program} Program */
/** @typedef {import('#dist/engine/tensor/shape.js').HostArray} HostArray */
/** @typedef {import('#dist/engine/tensor/libtorch/libtorch-executor.js').LibtorchExecutor} LibtorchExecutor */

const { values: options } = parseArgs({
  options: { steps: { type: 'string', default: '2000' }, 'allow-mb': { type: 'string', default: '24' } },
});
const numSteps = wholeNumber('steps', options.steps);
/** What a heap of this size swings by. A leak of one tensor of 2 x 16 x 32 floats per step would be 7 MB of floats. */
const allowed = wholeNumber('allow-mb', options['allow-mb']);
const NAME = 'gpt-smoke';
/** From time to time a token is none of the vocabulary, and the step fails half way. */
const FAILS_EVERY = 10;

const executor = await openExecutorOf('torch-cpu', { threads: 1 }).catch((/** @type {Error} */ error) => {
  console.log(`soak:torch skipped: ${error.message}`);
  process.exit(0);
});
const { model, data } = await buildMeasured(NAME, engineAt());
const { logSumExp } = executor;
const { forward, backward } = compileStage({
  model,
  data,
  from: 0,
  to: model.blocks.length,
  microBatch: modelOf(NAME).sizes.B,
  needsInputGradient: false,
  logSumExp,
});
/** @type {Map<string, HostArray>} */
const buffers = new Map();
for (const [index, block] of model.blocks.entries()) {
  const layout = slabLayout(block);
  const weights = new Float32Array(layout.length);
  initializeSlab(block, layout, 1, weights);
  for (const { name, offset, size } of layout.entries)
    buffers.set(roleName({ kind: 'param', block: index, name }), weights.subarray(offset, offset + size));
}
const bind = (/** @type {Program} */ program) => {
  const [inputs = [], outputs = []] = [program.inputs, program.outputs].map((ports) =>
    ports.map(({ role, dtype, shape }) => {
      const key = roleName(role);
      const buffer = buffers.get(key) ?? hostArray(dtype, shape);
      buffers.set(key, buffer);
      return buffer;
    }),
  );
  return executor.load(program).bind(inputs, outputs);
};
const bound = [bind(forward), bind(backward)];
const tokens = buffers.get('field tokens');
if (tokens === undefined) throw new Error('the model reads no tokens');

let failed = 0;
function step() {
  try {
    for (const program of bound) program.run();
  } catch {
    failed++;
  }
}
const { tensors } = /** @type {LibtorchExecutor} */ (executor).aten;
const seen = () => ({ live: tensors.live, mb: process.memoryUsage.rss() / 2 ** 20 });
/** @type {ReturnType<typeof seen> | null} */
let before = null;
for (let i = 0; i < numSteps; i++) {
  tokens[0] = i % FAILS_EVERY === 0 ? -1 : 1;
  step();
  if (i === Math.floor(numSteps / 10)) before = seen();
}
const after = seen();
const grown = after.mb - (before?.mb ?? after.mb);
console.log(
  `${numSteps} steps, ${failed} of which failed as they should: ${before?.live ?? 0} tensors after a tenth of them, ` +
    `${after.live} at the end; the resident set has grown by ${grown.toFixed(1)} MB to ${after.mb.toFixed(0)}.`,
);
conclude(
  'torch-cpu',
  [
    ...(failed === Math.ceil(numSteps / FAILS_EVERY) ? [] : [`${failed} steps failed`]),
    ...(after.live === before?.live ? [] : ['the number of tensors has changed']),
    ...(grown <= allowed ? [] : [`more than ${allowed} MB`]),
  ],
  'flat',
);
