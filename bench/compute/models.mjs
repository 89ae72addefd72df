// The models that are measured, how much arithmetic a step of each is, and their data, which are made up. They are the
// built-in models of the engine, and one plug-in model.
import { fourLayers } from './four-layers.mjs';

/** @typedef {import('#dist/engine/data/dataset.js').DataInfo} DataInfo */
/** @typedef {import('#dist/engine/data/dataset.js').Dataset} Dataset */
/** @typedef {import('#dist/engine/index.js').Model} Model */
/** @typedef {import('./engine-build.mjs').LoadEngine} LoadEngine */

/**
 * B samples of T tokens, width D, H heads, F inside the MLP, L layers.
 * @typedef {Readonly<Record<'B' | 'T' | 'D' | 'H' | 'F' | 'L', number>>} Sizes
 */

/**
 * @typedef {object} MeasuredModel
 * @property {string} title
 * @property {string} text What it is besides its sizes.
 * @property {'vit' | 'bert' | 'gpt' | 'four-layer'} kind
 * @property {Sizes} sizes
 * @property {number} [inputs] Numbers per token, where the data are not token ids.
 * @property {number} [side] Pixels of a picture, in a square.
 * @property {number} [vocabulary]
 * @property {number} [classes]
 */

/** @type {Readonly<Record<string, MeasuredModel>>} */
export const MEASURED_MODELS = {
  'vit-tiny': {
    title: 'ViT-Tiny',
    text: '224 x 224 pixels (grey), patches of 16 x 16, mean of the patches, 1000 classes',
    kind: 'vit',
    sizes: { B: 8, T: 196, D: 192, H: 3, F: 768, L: 12 },
    inputs: 256,
    side: 224,
    classes: 1000,
  },
  'bert-mini': {
    title: 'BERT-mini',
    text: 'vocabulary of 30522, key mask, 2 classes',
    kind: 'bert',
    sizes: { B: 16, T: 128, D: 256, H: 4, F: 1024, L: 4 },
    vocabulary: 30522,
    classes: 2,
  },
  gpt: {
    title: 'GPT',
    text: 'characters (vocabulary of 65), causal',
    kind: 'gpt',
    sizes: { B: 4, T: 256, D: 384, H: 6, F: 1536, L: 6 },
    vocabulary: 65,
  },
  'four-layer': {
    title: 'four layers',
    text: 'layers alone, loss = mean of squares',
    kind: 'four-layer',
    sizes: { B: 8, T: 128, D: 256, H: 4, F: 1024, L: 4 },
  },
};

/** The same kinds of models, so small that a step takes no time: --smoke. @type {typeof MEASURED_MODELS} */
export const SMOKE_MODELS = {
  'vit-smoke': {
    title: 'tiny ViT',
    text: '32 x 32 pixels, patches of 16 x 16',
    kind: 'vit',
    sizes: { B: 2, T: 4, D: 16, H: 2, F: 32, L: 2 },
    inputs: 256,
    side: 32,
    classes: 10,
  },
  'bert-smoke': {
    title: 'tiny BERT',
    text: 'vocabulary of 100',
    kind: 'bert',
    sizes: { B: 2, T: 16, D: 16, H: 2, F: 32, L: 2 },
    vocabulary: 100,
    classes: 2,
  },
  'gpt-smoke': {
    title: 'tiny GPT',
    text: 'vocabulary of 65',
    kind: 'gpt',
    sizes: { B: 2, T: 16, D: 16, H: 2, F: 32, L: 2 },
    vocabulary: 65,
  },
  'four-layer-smoke': {
    title: 'tiny four layers',
    text: 'two of them',
    kind: 'four-layer',
    sizes: { B: 2, T: 16, D: 16, H: 2, F: 32, L: 2 },
  },
};

export const MODELS = { ...MEASURED_MODELS, ...SMOKE_MODELS };

/** @param {string | undefined} name */
export function modelOf(name = '') {
  const model = MODELS[name];
  if (model === undefined) throw new Error(`no model "${name}"; there are ${Object.keys(MODELS).join(', ')}`);
  return model;
}

/**
 * Multiplications and additions of the matrix products of one step.
 * @param {string} name
 */
export function flopOf(name) {
  const {
    kind,
    sizes: { B, T, D, F, L },
    inputs,
    vocabulary = 0,
    classes,
  } = modelOf(name);
  const rows = B * T;
  const product = (/** @type {number} */ m, /** @type {number} */ k, /** @type {number} */ n) => 2 * m * k * n;
  const layer = 4 * product(rows, D, D) + 2 * product(rows, D, F) + 2 * B * product(T, D, T);
  const head = kind === 'gpt' ? product(rows, D, vocabulary) : classes === undefined ? 0 : product(B, D, classes);
  // Each product costs twice as much again in the backward: the gradients of both operands. The data need none.
  return 3 * (L * layer + head) + (inputs === undefined ? 0 : 2 * product(rows, inputs, D));
}

/**
 * What a model may know about its data.
 * @param {MeasuredModel} measured
 * @returns {DataInfo}
 */
function dataInfoOf(measured) {
  const {
    sizes: { T, D },
    side = 0,
    classes = null,
    vocabulary = null,
  } = measured;
  const tokens = /** @type {const} */ ({ name: 'tokens', shape: [T], dtype: 'int32' });
  const label = /** @type {const} */ ({ name: 'label', shape: [], dtype: 'int32' });
  switch (measured.kind) {
    case 'vit':
      return {
        task: 'image-classification',
        fields: [{ name: 'image', shape: [side, side], dtype: 'float32' }, label],
        classes,
        vocabulary,
        sequence: null,
      };
    case 'bert':
      return {
        task: 'text-classification',
        fields: [tokens, { name: 'mask', shape: [T], dtype: 'float32' }, label],
        classes,
        vocabulary,
        sequence: T,
      };
    case 'gpt':
      return {
        task: 'language-model',
        fields: [tokens, { name: 'targets', shape: [T], dtype: 'int32' }],
        classes,
        vocabulary,
        sequence: T,
      };
    case 'four-layer':
      return {
        task: 'other',
        fields: [{ name: 'x', shape: [T, D], dtype: 'float32' }],
        classes,
        vocabulary,
        sequence: T,
      };
  }
}

/**
 * The model and what it may know about its data.
 * @param {string | undefined} name
 * @param {LoadEngine} load
 * @returns {Promise<{ model: Model, data: DataInfo }>}
 */
export async function buildMeasured(name, load) {
  const measured = modelOf(name);
  const { kind, sizes } = measured;
  const data = dataInfoOf(measured);
  if (kind === 'four-layer') return { model: fourLayers(await load('engine/index.js'), sizes), data };
  const { buildModel } = await load('engine/model/build-model.js');
  const { builtInModel } = await load('engine/model/registry.js');
  const definition = builtInModel(kind);
  if (definition === null) throw new Error(`this build has no model "${kind}"`);
  const { D, H, F, L } = sizes;
  const options = { width: D, layers: L, heads: H, ff: F, dropout: 0, ...(kind === 'vit' ? { patch: 16 } : {}) };
  return { model: buildModel(definition, options, data), data };
}

/**
 * A hash of two numbers, evenly spread over [0, 1).
 * @param {number} a
 * @param {number} b
 */
function spread(a, b) {
  let h = Math.imul(a + 1, 0x9e3779b1) ^ Math.imul(b + 1, 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 15), 0x2c1b3ca5);
  h = Math.imul(h ^ (h >>> 12), 0x297a2d39);
  return ((h ^ (h >>> 15)) >>> 0) / 2 ** 32;
}

/**
 * The number at position `i` of a field of sample `id`; `length` is the number of elements of the field.
 * @param {MeasuredModel} model
 * @param {string} field
 * @param {{ id: number, i: number, length: number }} position
 */
function valueAt({ vocabulary = 0, classes = 0 }, field, { id, i, length }) {
  switch (field) {
    case 'tokens':
      return Math.floor(spread(id, i) * vocabulary);
    // Texts of three quarters of the length up to all of it.
    case 'mask':
      return i < length - (id % 4) * Math.floor(length / 16) ? 1 : 0;
    case 'targets':
      return Math.floor(spread(id, i + 1) * vocabulary);
    case 'label':
      return Math.floor(spread(id, 12345) * classes);
    default:
      return (spread(id, i) - 0.5) * 3;
  }
}

/**
 * The data: as many samples as a batch has, made up, the same on both sides.
 * @param {string | undefined} name
 * @param {DataInfo} info
 * @returns {Dataset}
 */
export function measuredData(name = '', info) {
  const model = modelOf(name);
  return {
    source: name,
    info,
    numTrain: model.sizes.B,
    numValidation: 0,
    digest: '',
    tokenizer: null,
    labels: [],
    read(id, field, out, row) {
      const { shape = [] } = info.fields.find((spec) => spec.name === field) ?? {};
      const length = shape.reduce((a, b) => a * b, 1);
      for (let i = 0; i < length; i++) out[row * length + i] = valueAt(model, field, { id, i, length });
    },
  };
}

export const ADAMW = /** @type {const} */ ({
  kind: 'adamw',
  beta1: 0.9,
  beta2: 0.999,
  epsilon: 1e-8,
  weightDecay: 0.01,
});
export const LEARNING_RATE = 1e-4;
