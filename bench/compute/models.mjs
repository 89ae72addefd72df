// The models that are measured, and how much arithmetic a step of each is. They are the built-in models of the engine,
// and one plug-in model. `from` says which build of the engine they come from (a folder like dist/).
import { pathToFileURL } from 'node:url';

/** The engine's modules, by path inside engine/. */
export function engineAt(dist) {
  const root = dist === undefined ? new URL('../../dist/', import.meta.url) : pathToFileURL(`${dist}/`);
  return (path) => import(new URL(path, root));
}

/**
 * B samples of T tokens, width D, H heads, F inside the MLP, L layers. `extra` are the products before and behind the
 * layers.
 */
export const MODELS = {
  'vit-tiny': {
    title: 'ViT-Tiny',
    text: '224 x 224 pixels (grey), patches of 16 x 16, mean of the patches, 1000 classes',
    sizes: { B: 8, T: 196, D: 192, H: 3, F: 768, L: 12 },
    inputs: 256,
    classes: 1000,
  },
  'bert-mini': {
    title: 'BERT-mini',
    text: 'vocabulary of 30522, key mask, 2 classes',
    sizes: { B: 16, T: 128, D: 256, H: 4, F: 1024, L: 4 },
    vocabulary: 30522,
    classes: 2,
  },
  gpt: {
    title: 'GPT',
    text: 'characters (vocabulary of 65), causal',
    sizes: { B: 4, T: 256, D: 384, H: 6, F: 1536, L: 6 },
    vocabulary: 65,
  },
  'four-layer': {
    title: 'four layers',
    text: 'layers alone, loss = mean of squares',
    sizes: { B: 8, T: 128, D: 256, H: 4, F: 1024, L: 4 },
  },
};

/** Multiplications and additions of the matrix products of one step. */
export function flopOf(name) {
  const {
    sizes: { B, T, D, F, L },
    inputs,
    vocabulary,
    classes,
  } = MODELS[name];
  const rows = B * T;
  const product = (m, k, n) => 2 * m * k * n;
  const layer = 4 * product(rows, D, D) + 2 * product(rows, D, F) + 2 * B * product(T, D, T);
  const head = name === 'gpt' ? product(rows, D, vocabulary) : classes === undefined ? 0 : product(B, D, classes);
  // Each product costs twice as much again in the backward: the gradients of both operands. The data need none.
  return 3 * (L * layer + head) + (inputs === undefined ? 0 : 2 * product(rows, inputs, D));
}

/** The model and what it may know about its data. */
export async function buildMeasured(name, load) {
  const {
    sizes: { T, D, H, F, L },
    vocabulary = null,
    classes = null,
  } = MODELS[name];
  const options = { width: D, layers: L, heads: H, ff: F, dropout: 0 };
  const tokens = { name: 'tokens', shape: [T], dtype: 'int32' };
  const label = { name: 'label', shape: [], dtype: 'int32' };
  const built = async (kind, given, data) => {
    const { buildModel } = await load('engine/model/build-model.js');
    const { builtInModel } = await load('engine/model/registry.js');
    return { model: buildModel(builtInModel(kind), given, data), data };
  };
  switch (name) {
    case 'vit-tiny':
      return built(
        'vit',
        { ...options, patch: 16 },
        {
          task: 'image-classification',
          fields: [{ name: 'image', shape: [224, 224], dtype: 'float32' }, label],
          classes,
          vocabulary,
          sequence: null,
        },
      );
    case 'bert-mini':
      return built('bert', options, {
        task: 'text-classification',
        fields: [tokens, { name: 'mask', shape: [T], dtype: 'float32' }, label],
        classes,
        vocabulary,
        sequence: T,
      });
    case 'gpt':
      return built('gpt', options, {
        task: 'language-model',
        fields: [tokens, { name: 'targets', shape: [T], dtype: 'int32' }],
        classes,
        vocabulary,
        sequence: T,
      });
    case 'four-layer':
      return {
        model: await fourLayers(load),
        data: {
          task: 'other',
          fields: [{ name: 'x', shape: [T, D], dtype: 'float32' }],
          classes,
          vocabulary,
          sequence: T,
        },
      };
    default:
      throw new Error(`no model "${name}"; there are ${Object.keys(MODELS).join(', ')}`);
  }
}

async function fourLayers(load) {
  const { nn, tf } = await load('engine/index.js');
  const { D, H, F, L } = MODELS['four-layer'].sizes;
  const normal = (shape) => ({ shape, init: { kind: 'normal', std: 0.02 }, decay: true });
  const constant = (n, kind) => ({ shape: [n], init: { kind }, decay: false });
  const norms = { normGain: constant(D, 'ones'), normBias: constant(D, 'zeros') };
  const norm = (x, p) => nn.layerNorm(x, p.normGain, p.normBias);
  const biases = Object.fromEntries(['bq', 'bk', 'bv', 'bo'].map((bias) => [bias, constant(D, 'zeros')]));
  const matrices = Object.fromEntries(['wq', 'wk', 'wv', 'wo'].map((matrix) => [matrix, normal([D, D])]));
  const blocks = Array.from({ length: L }, (_, layer) => [
    {
      name: `layer${layer}.attention`,
      kind: 'attention',
      layer,
      params: { ...norms, ...matrices, ...biases },
      forward(x_BTD, p, context) {
        const x = x_BTD ?? context.field('x');
        const n = norm(x, p);
        return tf.add(
          x,
          nn.linear(
            nn.attention(nn.linear(n, p.wq, p.bq), nn.linear(n, p.wk, p.bk), nn.linear(n, p.wv, p.bv), { heads: H }),
            p.wo,
            p.bo,
          ),
        );
      },
    },
    {
      name: `layer${layer}.mlp`,
      kind: 'mlp',
      layer,
      params: { ...norms, w1: normal([D, F]), w2: normal([F, D]), b1: constant(F, 'zeros'), b2: constant(D, 'zeros') },
      forward: (x, p) => tf.add(x, nn.linear(nn.gelu(nn.linear(norm(x, p), p.w1, p.b1)), p.w2, p.b2)),
    },
  ]).flat();
  return {
    name: 'four-layer',
    blocks,
    loss: (y_BTD) => tf.mean(tf.square(y_BTD), [1, 2]),
    score: null,
    metric: { name: 'loss', higherIsBetter: false },
  };
}

/** A hash of two numbers, evenly spread over [0, 1). */
function spread(a, b) {
  let h = Math.imul(a + 1, 0x9e3779b1) ^ Math.imul(b + 1, 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 15), 0x2c1b3ca5);
  h = Math.imul(h ^ (h >>> 12), 0x297a2d39);
  return ((h ^ (h >>> 15)) >>> 0) / 2 ** 32;
}

/** The number at position `i` of a field of sample `id`; `length` is the number of elements of the field. */
function valueAt(name, field, id, i, length) {
  const { vocabulary, classes } = MODELS[name];
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

/** The data: as many samples as a batch has, made up, the same on both sides. */
export function measuredData(name, info) {
  const { B } = MODELS[name].sizes;
  return {
    source: name,
    info,
    numTrain: B,
    numValidation: 0,
    digest: '',
    tokenizer: null,
    read(id, field, out, row) {
      const size = info.fields.find((spec) => spec.name === field).shape.reduce((a, b) => a * b, 1);
      for (let i = 0; i < size; i++) out[row * size + i] = valueAt(name, field, id, i, size);
    },
  };
}

export const ADAMW = { kind: 'adamw', beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0.01 };
export const LEARNING_RATE = 1e-4;
