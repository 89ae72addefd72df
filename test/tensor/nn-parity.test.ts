// The fused ops against their plain TensorFlow.js compositions on TensorFlow.js' own cpu backend, values and gradients; and eager against
// traced, bit for bit.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { registerEager } from '../../engine/tensor/eager.js';
import type { Executor } from '../../engine/tensor/executor.js';
import * as nn from '../../engine/tensor/nn.js';
import { openExecutor } from '../../engine/tensor/open-executor.js';
import * as tf from '../../engine/tensor/tf.js';
import { floats, ints, onBackend, traced, worstError, type Input } from './parity.js';

// Sums of up to 64 products in another order, and the runtime's exp and erf: a few roundings of 6e-8 each.
const ROUNDING = 3e-6;

type T = tf.Tensor;
interface Case {
  readonly name: string;
  readonly inputs: readonly Input[];
  readonly wrt: readonly number[];
  readonly fused: (...x: T[]) => T;
  readonly plain: (...x: T[]) => T;
  readonly tolerance?: number;
}

const plainLinear = (x: T, w: T, b?: T): T => {
  const rows = tf.reshape(x, [-1, x.shape.at(-1) as number]);
  const y = tf.reshape(tf.matMul(rows, w), [...x.shape.slice(0, -1), w.shape[1] as number]);
  return b === undefined ? y : tf.add(y, b);
};
const plainGelu = (x: T): T => tf.mul(tf.mul(x, 0.5), tf.add(tf.erf(tf.mul(x, Math.SQRT1_2)), 1));
const plainNorm = (x: T, gain: T, bias: T): T => {
  const centred = tf.sub(x, tf.mean(x, -1, true));
  const variance = tf.mean(tf.square(centred), -1, true);
  return tf.add(tf.mul(tf.mul(centred, tf.rsqrt(tf.add(variance, 1e-5))), gain), bias);
};
function plainAttention(q: T, k: T, v: T, heads: number, causal: boolean, mask?: T): T {
  const [B, S, D] = q.shape as [number, number, number];
  const split = (x: T): T => tf.transpose(tf.reshape(x, [B, S, heads, D / heads]), [0, 2, 1, 3]);
  let scores = tf.div(tf.matMul(split(q), split(k), false, true), Math.sqrt(D / heads));
  const row = tf.reshape(tf.range(0, S), [S, 1]);
  if (causal) scores = tf.add(scores, tf.mul(tf.cast(tf.greater(tf.reshape(tf.range(0, S), [1, S]), row), 'float32'), -1e9));
  if (mask !== undefined) scores = tf.add(scores, tf.reshape(tf.mul(tf.sub(1, mask), -1e9), [B, 1, 1, S]));
  return tf.reshape(tf.transpose(tf.matMul(tf.softmax(scores), split(v)), [0, 2, 1, 3]), [B, S, D]);
}
const plainCrossEntropy = (logits: T, labels: T): T =>
  tf.neg(tf.sum(tf.mul(tf.logSoftmax(logits), tf.oneHot(labels as tf.Tensor1D, logits.shape.at(-1) as number, 1, 0, 'float32')), -1));

const qkv = [floats('q', [2, 5, 8]), floats('k', [2, 5, 8]), floats('v', [2, 5, 8])];
const mask: Input = { shape: [2, 5], dtype: 'float32', data: Float32Array.of(1, 1, 1, 0, 0, 1, 1, 1, 1, 1) };
const noise = floats('noise', [4, 6], (x) => Math.abs(x) % 1);

const cases: readonly Case[] = [
  ...[[4, 6], [2, 3, 6], [2, 2, 3, 6], [1, 6]].map((shape): Case => ({
    name: `linear of [${shape.join()}]`, inputs: [floats('x', shape), floats('w', [6, 5]), floats('b', [5])], wrt: [0, 1, 2],
    fused: (x, w, b) => nn.linear(x as T, w as T, b), plain: (x, w, b) => plainLinear(x as T, w as T, b),
  })),
  { name: 'linear without a bias', inputs: [floats('x', [2, 3, 6]), floats('w', [6, 5])], wrt: [0, 1], fused: (x, w) => nn.linear(x as T, w as T), plain: (x, w) => plainLinear(x as T, w as T) },
  ...[[], [9], [2, 3, 40]].map((shape): Case => ({
    name: `gelu of [${shape.join()}]`, inputs: [floats('x', shape, (x) => x * 2)], wrt: [0], fused: (x) => nn.gelu(x as T), plain: (x) => plainGelu(x as T),
  })),
  ...[[4, 6], [2, 3, 6]].map((shape): Case => ({
    name: `layerNorm of [${shape.join()}]`, inputs: [floats('x', shape, (x) => x * 3 + 1), floats('g', [6]), floats('b', [6])], wrt: [0, 1, 2],
    fused: (x, g, b) => nn.layerNorm(x as T, g as T, b as T), plain: (x, g, b) => plainNorm(x as T, g as T, b as T),
  })),
  ...[1, 2, 4].flatMap((heads) => [false, true].map((causal): Case => ({
    name: `attention with ${heads} heads${causal ? ', causal' : ''}`, inputs: qkv, wrt: [0, 1, 2],
    fused: (q, k, v) => nn.attention(q as T, k as T, v as T, { heads, causal }), plain: (q, k, v) => plainAttention(q as T, k as T, v as T, heads, causal),
  }))),
  ...[false, true].map((causal): Case => ({
    name: `attention with a mask${causal ? ', causal' : ''}`, inputs: [...qkv, mask], wrt: [0, 1, 2],
    fused: (q, k, v, m) => nn.attention(q as T, k as T, v as T, { heads: 2, causal, mask: m as T }), plain: (q, k, v, m) => plainAttention(q as T, k as T, v as T, 2, causal, m),
  })),
  { name: 'attention of one tensor over itself', inputs: [qkv[0] as Input], wrt: [0], fused: (x) => nn.attention(x as T, x as T, x as T, { heads: 2 }), plain: (x) => plainAttention(x as T, x as T, x as T, 2, false) },
  { name: 'embedding', inputs: [ints([3, 4], 0, 5), floats('t', [7, 6])], wrt: [1], fused: (i, t) => nn.embedding(i as T, t as T), plain: (i, t) => tf.gather(t as T, i as T) },
  { name: 'crossEntropy of rows', inputs: [floats('l', [6, 5], (x) => x * 4), ints([6], 0, 5)], wrt: [0], fused: (l, y) => nn.crossEntropy(l as T, y as T), plain: (l, y) => plainCrossEntropy(l as T, y as T) },
  { name: 'crossEntropy of sequences', inputs: [floats('l', [2, 3, 5]), ints([2, 3], 0, 5)], wrt: [0], fused: (l, y) => nn.crossEntropy(l as T, y as T), plain: (l, y) => plainCrossEntropy(l as T, y as T) },
  {
    name: 'dropout', inputs: [floats('x', [4, 6]), noise], wrt: [0], fused: (x, n) => nn.dropout(x as T, n as T, 0.3),
    plain: (x, n) => tf.mul(x as T, tf.div(tf.cast(tf.greaterEqual(n as T, 0.3), 'float32'), 0.7)),
  },
];

describe('each fused op equals its composition', () => {
  let executor: Executor;
  let unregister: () => void;
  beforeAll(() => {
    executor = openExecutor({ threads: 1 });
    unregister = registerEager(executor);
  });
  afterAll(() => {
    unregister();
    executor.close();
  });

  it.each(cases.map((c) => [c.name, c] as const))('%s', (_, { inputs, wrt, fused, plain, tolerance = ROUNDING }) => {
    const reference = onBackend('cpu', inputs, wrt, plain);
    const eager = onBackend('pipetrain-ort', inputs, wrt, fused);
    const whole = traced(executor, inputs, wrt, fused);
    expect(worstError(eager.value, reference.value)).toBeLessThanOrEqual(tolerance);
    wrt.forEach((_x, i) => expect(worstError(eager.gradients[i] as Float32Array, reference.gradients[i] as Float32Array), `gradient ${i}`).toBeLessThanOrEqual(tolerance));
    expect(whole).toEqual(eager);
  });

  it('stays finite for logits that overflow exp', () => {
    const logits: Input = { shape: [1, 3], dtype: 'float32', data: Float32Array.of(1000, 0, -1000) };
    const { value, gradients } = onBackend('pipetrain-ort', [logits, ints([1], 2, 3)], [0], (l, y) => nn.crossEntropy(l as T, y as T));
    expect(Number.isFinite(value[0])).toBe(true);
    expect(gradients[0]?.every(Number.isFinite)).toBe(true);
  });

  it('computes rows that do not depend on the other rows', () => {
    const x = floats('rows', [4, 3, 8]);
    const other = { ...x, data: x.data.map((value, i) => (i < 24 ? value : value * -3 + 1)) as Float32Array };
    const w = floats('w', [8, 8]);
    const body = (t?: T, m?: T): T => {
      const h = nn.layerNorm(nn.linear(t as T, m as T), tf.ones([8]), tf.zeros([8]));
      return nn.gelu(nn.attention(h, h, h, { heads: 2, causal: true }));
    };
    const [a, b] = [x, other].map((input) => onBackend('pipetrain-ort', [input, w], [], body).value);
    expect(a?.subarray(0, 24)).toEqual(b?.subarray(0, 24));
    expect(a?.subarray(24)).not.toEqual(b?.subarray(24));
  });

  it('adds the gradient of a repeated id once per use', () => {
    const ids: Input = { shape: [5], dtype: 'int32', data: Int32Array.of(2, 2, 0, 2, 3) };
    const { gradients } = onBackend('pipetrain-ort', [ids, floats('t', [4, 1])], [1], (i, t) => tf.sum(nn.embedding(i as T, t as T)));
    const [seed] = floats('dy', []).data;
    expect(Array.from(gradients[0] as Float32Array, (g) => g / (seed as number)).map((g) => Math.round(g * 1e5) / 1e5)).toEqual([1, 0, 3, 1]);
  });

  it('refuses heads that do not divide the width', () => {
    expect(() => onBackend('pipetrain-ort', qkv, [], (q, k, v) => nn.attention(q as T, k as T, v as T, { heads: 3 }))).toThrow('3 heads do not divide 8 features');
  });
});
