// Runs the blocks of a model one after the other, op by op, on the first samples of a data set, and says what comes out
// of each: where a number goes wrong, or where a `debugger` statement in a model file is to stop. No worker, no trace,
// no training: initial parameters, and dropout is the identity.
//
//   npm run eager -- --model ./my-model.ts --data text:FILE [--block NAME] [--micro-batch N] [--seed N] [--option K=V]
//   node inspect scripts/eager.mjs --model ./my-model.ts --data text:FILE
import { parseArgs } from 'node:util';
import { trainConfigSchema } from '#dist/engine/core/config.js';
import { fillField } from '#dist/engine/data/micro-batch.js';
import { entryView, initializeSlab, slabLayout } from '#dist/engine/model/slab.js';
import { setUpRun } from '#dist/engine/run/run-setup.js';
import { registerEager } from '#dist/engine/tensor/eager.js';
import { openExecutor } from '#dist/engine/tensor/open-executor.js';
import { hostArray } from '#dist/engine/tensor/shape.js';
import * as tf from '#dist/engine/tensor/tf.js';

/** @typedef {import('#dist/engine/model/block.js').Block} Block */
/** @typedef {import('#dist/engine/model/block.js').BlockContext} BlockContext */
/** @typedef {import('#dist/engine/run/run-setup.js').RunSetup} RunSetup */

const { values: options } = parseArgs({
  options: {
    model: { type: 'string', default: 'vit' },
    data: { type: 'string', default: 'synthetic:digits' },
    block: { type: 'string' },
    'micro-batch': { type: 'string', default: '4' },
    seed: { type: 'string', default: '1' },
    option: { type: 'string', multiple: true, default: [] },
  },
});

const microBatch = Number(options['micro-batch']);
const setup = await setUpRun(
  trainConfigSchema.parse({
    model: options.model,
    data: options.data,
    batch: microBatch,
    microBatch,
    seed: Number(options.seed),
    modelOptions: Object.fromEntries(options.option.map(pairOf)),
  }),
);
const names = setup.model.blocks.map(({ name }) => name);
if (options.block !== undefined && !names.includes(options.block)) {
  console.error(`the model has no block "${options.block}"; it has ${names.join(', ')}`);
  process.exit(2);
}
const executor = openExecutor({ threads: 1 });
const unregister = registerEager(executor);
try {
  tf.tidy(() => runBlocks(setup));
} finally {
  unregister();
  executor.close();
}

/** @param {RunSetup} setup */
function runBlocks({ model, dataset, sampler, config }) {
  const { ids } = sampler.batchAt(0);
  /** @type {BlockContext} */
  const context = {
    field: (name) => {
      const spec = dataset.info.fields.find((field) => field.name === name);
      if (spec === undefined) throw new Error(`the data has no field "${name}"`);
      const shape = [microBatch, ...spec.shape];
      const values = hostArray(spec.dtype, shape);
      fillField(dataset, name, ids, values);
      return tf.tensor(values, shape, spec.dtype);
    },
    dropout: (x) => x,
    isTraining: false,
  };
  /** @type {tf.Tensor | null} */
  let x = null;
  for (const block of model.blocks) {
    x = block.forward(x, initialTensors(block, config.seed), context);
    console.log(describe(block.name, x));
    if (block.name === options.block) return;
  }
  if (x !== null && options.block === undefined) console.log(describe('loss', model.loss(x, context)));
}

/**
 * @param {Block} block
 * @param {number} seed
 */
function initialTensors(block, seed) {
  const layout = slabLayout(block);
  const slab = new Float32Array(layout.length);
  initializeSlab(block, layout, seed, slab);
  return Object.fromEntries(
    layout.entries.map((entry) => [entry.name, tf.tensor(entryView(slab, entry), [...entry.shape], 'float32')]),
  );
}

/** @type {(name: string, y: tf.Tensor) => string} */
function describe(name, y) {
  const values = [...y.dataSync()];
  const finite = values.filter((value) => Number.isFinite(value));
  const bad = values.length - finite.length;
  const [min, max] = [
    finite.reduce((a, b) => Math.min(a, b), Infinity),
    finite.reduce((a, b) => Math.max(a, b), -Infinity),
  ];
  const mean = finite.reduce((a, b) => a + b, 0) / finite.length;
  const numbers = [min, mean, max].map((value) => value.toPrecision(4).padStart(11)).join('');
  return `${name.padEnd(20)} [${y.shape.join(', ')}]`.padEnd(40) + numbers + (bad === 0 ? '' : `  ${bad} NOT FINITE`);
}

/**
 * @param {string} text
 * @returns {[string, number | string]}
 */
function pairOf(text) {
  const [name = '', value = ''] = text.split('=');
  return [name, Number.isFinite(Number(value)) ? Number(value) : value];
}
