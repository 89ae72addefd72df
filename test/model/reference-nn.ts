// The functions of nn as their mathematical definitions, in plain TensorFlow.js ops whose gradients are TensorFlow.js'
// own: what the fused ops are measured by on its cpu backend. Slow and wasteful on purpose; shares no code with the
// fused ops.
import type * as nn from '../../engine/tensor/nn.js';
import * as tf from '../../engine/tensor/tf.js';

type T = tf.Tensor;
type Nn = typeof nn;

const last = (x: T): number => x.shape.at(-1) as number;

/** y_o = sum_i x_i w_io + b_o */
function linear(x: T, w: T, b?: T): T {
  const y = tf.reshape(tf.matMul(tf.reshape(x, [-1, last(x)]), w), [...x.shape.slice(0, -1), last(w)]);
  return b === undefined ? y : tf.add(y, b);
}

/** x P(X <= x) for a standard normal X, with P(X <= x) = (1 + erf(x / sqrt 2)) / 2. */
const gelu = (x: T): T => tf.mul(x, tf.div(tf.add(1, tf.erf(tf.div(x, Math.SQRT2))), 2));

/** (x - E x) / sqrt(Var x + epsilon) * gain + bias, over the last axis. */
function layerNorm(x: T, gain: T, bias: T, epsilon = 1e-5): T {
  const { mean, variance } = tf.moments(x, -1, true);
  return tf.add(tf.mul(tf.div(tf.sub(x, mean), tf.sqrt(tf.add(variance, epsilon))), gain), bias);
}

/** One head after another: y_t = sum over the allowed s of p_ts v_s, p_t = softmax_s(q_t k_s / sqrt(E)). */
function attention(q: T, k: T, v: T, { heads, causal = false, mask }: nn.AttentionOptions): T {
  const [B, Tq, D] = q.shape as [number, number, number];
  const S = k.shape[1] as number;
  const E = D / heads;
  // 1 where query t may look at key s.
  let allowed: T = tf.ones([B, Tq, S]);
  if (mask !== undefined) allowed = tf.mul(allowed, tf.reshape(tf.cast(mask, 'float32'), [B, 1, S]));
  if (causal) allowed = tf.mul(allowed, tf.linalg.bandPart(tf.ones([Tq, S]), -1, 0));
  const outputs = Array.from({ length: heads }, (_, head) => {
    const [qh, kh, vh] = [q, k, v].map((x) => tf.slice(x, [0, 0, head * E], [B, x.shape[1] as number, E])) as [T, T, T];
    const weights = tf.mul(tf.exp(tf.div(tf.matMul(qh, kh, false, true), Math.sqrt(E))), allowed);
    return tf.matMul(tf.div(weights, tf.sum(weights, -1, true)), vh);
  });
  return tf.concat(outputs, -1);
}

const oneHot = (ids: T, n: number): T => tf.oneHot(tf.cast(ids, 'int32') as tf.Tensor1D, n, 1, 0, 'float32');

/** Row `id` of the table, as the product with the unit vector of `id`. */
const embedding = (ids: T, table: T): T => linear(oneHot(ids, table.shape[0] as number), table);

/** log sum_c exp(l_c) - l_label */
const crossEntropy = (logits: T, labels: T): T =>
  tf.sub(tf.log(tf.sum(tf.exp(logits), -1)), tf.sum(tf.mul(logits, oneHot(labels, last(logits))), -1));

/** x / (1 - rate) where the noise reaches the rate, else 0. */
const dropout = (x: T, noise: T, rate: number): T =>
  tf.div(tf.mul(x, tf.cast(tf.greaterEqual(noise, rate), 'float32')), 1 - rate);

const reference: Nn = { linear, gelu, layerNorm, attention, embedding, crossEntropy, dropout };

/** The definitions while the cpu backend of TensorFlow.js is active, `fused` on every other one. */
export function byBackend(fused: Nn): Nn {
  const choose =
    <Args extends unknown[]>(name: keyof Nn): ((...args: Args) => T) =>
    (...args) =>
      ((tf.getBackend() === 'cpu' ? reference : fused)[name] as unknown as (...args: Args) => T)(...args);
  return {
    linear: choose('linear'),
    gelu: choose('gelu'),
    layerNorm: choose('layerNorm'),
    attention: choose('attention'),
    embedding: choose('embedding'),
    crossEntropy: choose('crossEntropy'),
    dropout: choose('dropout'),
  };
}
