// The cases of the functions of nn, each beside its plain TensorFlow.js composition. Data of tests.
import * as nn from '../../engine/tensor/nn.js';
import * as tf from '../../engine/tensor/tf.js';
import { floats, type Input, ints } from './parity.js';

// Sums of up to 64 products in another order, and the runtime's exp and erf: a few roundings of 6e-8 each.
export const NN_ROUNDING = 3e-6;

type T = tf.Tensor;
export interface NnCase {
  readonly name: string;
  readonly inputs: readonly Input[];
  readonly wrt: readonly number[];
  readonly fused: (...x: T[]) => T;
  readonly plain: (...x: T[]) => T;
  readonly tolerance?: number;
}

export const plainLinear = (x: T, w: T, b?: T): T => {
  const rows = tf.reshape(x, [-1, x.shape.at(-1) as number]);
  const y = tf.reshape(tf.matMul(rows, w), [...x.shape.slice(0, -1), w.shape[1] as number]);
  return b === undefined ? y : tf.add(y, b);
};
export const plainGelu = (x: T): T => tf.mul(tf.mul(x, 0.5), tf.add(tf.erf(tf.mul(x, Math.SQRT1_2)), 1));
export const plainNorm = (x: T, gain: T, bias: T): T => {
  const centred = tf.sub(x, tf.mean(x, -1, true));
  const variance = tf.mean(tf.square(centred), -1, true);
  return tf.add(tf.mul(tf.mul(centred, tf.rsqrt(tf.add(variance, 1e-5))), gain), bias);
};
export function plainAttention(q: T, k: T, v: T, heads: number, causal: boolean, mask?: T): T {
  const [B, S, D] = q.shape as [number, number, number];
  const split = (x: T): T => tf.transpose(tf.reshape(x, [B, S, heads, D / heads]), [0, 2, 1, 3]);
  let scores = tf.div(tf.matMul(split(q), split(k), false, true), Math.sqrt(D / heads));
  const row = tf.reshape(tf.range(0, S), [S, 1]);
  if (causal)
    scores = tf.add(scores, tf.mul(tf.cast(tf.greater(tf.reshape(tf.range(0, S), [1, S]), row), 'float32'), -1e9));
  if (mask !== undefined) scores = tf.add(scores, tf.reshape(tf.mul(tf.sub(1, mask), -1e9), [B, 1, 1, S]));
  return tf.reshape(tf.transpose(tf.matMul(tf.softmax(scores), split(v)), [0, 2, 1, 3]), [B, S, D]);
}
const plainCrossEntropy = (logits: T, labels: T, smoothing = 0): T => {
  const classes = logits.shape.at(-1) as number;
  const target = tf.oneHot(labels as tf.Tensor1D, classes, 1, 0, 'float32');
  const smooth = smoothing === 0 ? target : tf.add(tf.mul(target, 1 - smoothing), smoothing / classes);
  return tf.neg(tf.sum(tf.mul(tf.logSoftmax(logits), smooth), -1));
};

export const qkv = [floats('q', [2, 5, 8]), floats('k', [2, 5, 8]), floats('v', [2, 5, 8])];
const mask: Input = { shape: [2, 5], dtype: 'float32', data: Float32Array.of(1, 1, 1, 0, 0, 1, 1, 1, 1, 1) };
const noise = floats('noise', [4, 6], (x) => Math.abs(x) % 1);

export const nnCases: readonly NnCase[] = [
  ...[
    [4, 6],
    [2, 3, 6],
    [2, 2, 3, 6],
    [1, 6],
  ].map((shape): NnCase => ({
    name: `linear of [${shape.join()}]`,
    inputs: [floats('x', shape), floats('w', [6, 5]), floats('b', [5])],
    wrt: [0, 1, 2],
    fused: (x, w, b) => nn.linear(x as T, w as T, b),
    plain: (x, w, b) => plainLinear(x as T, w as T, b),
  })),
  {
    name: 'linear without a bias',
    inputs: [floats('x', [2, 3, 6]), floats('w', [6, 5])],
    wrt: [0, 1],
    fused: (x, w) => nn.linear(x as T, w as T),
    plain: (x, w) => plainLinear(x as T, w as T),
  },
  ...[[], [9], [2, 3, 40]].map((shape): NnCase => ({
    name: `gelu of [${shape.join()}]`,
    inputs: [floats('x', shape, (x) => x * 2)],
    wrt: [0],
    fused: (x) => nn.gelu(x as T),
    plain: (x) => plainGelu(x as T),
  })),
  ...[
    [4, 6],
    [2, 3, 6],
  ].map((shape): NnCase => ({
    name: `layerNorm of [${shape.join()}]`,
    inputs: [floats('x', shape, (x) => x * 3 + 1), floats('g', [6]), floats('b', [6])],
    wrt: [0, 1, 2],
    fused: (x, g, b) => nn.layerNorm(x as T, g as T, b as T),
    plain: (x, g, b) => plainNorm(x as T, g as T, b as T),
  })),
  ...[1, 2, 4].flatMap((heads) =>
    [false, true].map((causal): NnCase => ({
      name: `attention with ${heads} heads${causal ? ', causal' : ''}`,
      inputs: qkv,
      wrt: [0, 1, 2],
      fused: (q, k, v) => nn.attention(q as T, k as T, v as T, { heads, causal }),
      plain: (q, k, v) => plainAttention(q as T, k as T, v as T, heads, causal),
    })),
  ),
  ...[false, true].map((causal): NnCase => ({
    name: `attention with a mask${causal ? ', causal' : ''}`,
    inputs: [...qkv, mask],
    wrt: [0, 1, 2],
    fused: (q, k, v, m) => nn.attention(q as T, k as T, v as T, { heads: 2, causal, mask: m as T }),
    plain: (q, k, v, m) => plainAttention(q as T, k as T, v as T, 2, causal, m),
  })),
  {
    name: 'attention of one tensor over itself',
    inputs: [qkv[0] as Input],
    wrt: [0],
    fused: (x) => nn.attention(x as T, x as T, x as T, { heads: 2 }),
    plain: (x) => plainAttention(x as T, x as T, x as T, 2, false),
  },
  {
    name: 'embedding',
    inputs: [ints([3, 4], 0, 5), floats('t', [7, 6])],
    wrt: [1],
    fused: (i, t) => nn.embedding(i as T, t as T),
    plain: (i, t) => tf.gather(t as T, i as T),
  },
  {
    name: 'crossEntropy of rows',
    inputs: [floats('l', [6, 5], (x) => x * 4), ints([6], 0, 5)],
    wrt: [0],
    fused: (l, y) => nn.crossEntropy(l as T, y as T),
    plain: (l, y) => plainCrossEntropy(l as T, y as T),
  },
  {
    name: 'crossEntropy with smoothed labels',
    inputs: [floats('l', [6, 5], (x) => x * 4), ints([6], 0, 5)],
    wrt: [0],
    fused: (l, y) => nn.crossEntropy(l as T, y as T, 0.2),
    plain: (l, y) => plainCrossEntropy(l as T, y as T, 0.2),
  },
  {
    name: 'crossEntropy of sequences',
    inputs: [floats('l', [2, 3, 5]), ints([2, 3], 0, 5)],
    wrt: [0],
    fused: (l, y) => nn.crossEntropy(l as T, y as T),
    plain: (l, y) => plainCrossEntropy(l as T, y as T),
  },
  {
    name: 'dropout',
    inputs: [floats('x', [4, 6]), noise],
    wrt: [0],
    fused: (x, n) => nn.dropout(x as T, n as T, 0.3),
    plain: (x, n) => tf.mul(x as T, tf.div(tf.cast(tf.greaterEqual(n as T, 0.3), 'float32'), 0.7)),
  },
];
