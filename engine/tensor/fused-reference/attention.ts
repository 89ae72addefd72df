// References of attention and its gradient. B samples, T queries, S keys, H heads, E = D / H features per head.
import { flagAttr, numberAttr } from '../ops/attributes.js';
import { at } from '../ops/shapes.js';
import * as tf from '../tf.js';
import type { Reference } from './reference.js';
import { round } from './rounding.js';

type T = tf.Tensor;

const rounded = (x: T): T => round([x], {})[0] as T;

/** Added to scores that must not count; far below any score, and finite. */
const BLOCKED = -1e9;

/** [B, T, D] to [B, H, T, E]. */
function splitHeads(x: T, heads: number): T {
  const [b, t, d] = x.shape as [number, number, number];
  return tf.transpose(tf.reshape(x, [b, t, heads, d / heads]), [0, 2, 1, 3]);
}

/** [B, H, T, E] to [B, T, D]. */
function mergeHeads(x: T): T {
  const [b, h, t, e] = x.shape as [number, number, number, number];
  return tf.reshape(tf.transpose(x, [0, 2, 1, 3]), [b, t, h * e]);
}

/**
 * What is added to the scores of T queries over S keys so that no query sees a key behind it; the last query sees all.
 */
function causalMask(t: number, s: number): T {
  const values = new Float32Array(t * s);
  for (let row = 0; row < t; row++) values.fill(BLOCKED, row * s + Math.min(s, row + 1 + s - t), (row + 1) * s);
  return tf.tensor(values, [t, s]);
}

/** softmax(q k' / sqrt(E) + masks) v, and the probabilities [B, H, T, S]. */
export const attention: Reference = ([q, k, v, mask], attrs) => {
  const heads = numberAttr(attrs, 'heads');
  const [query, key, value] = [q, k, v].map((x) => splitHeads(x as T, heads)) as [T, T, T];
  const [t, width, s] = [at(query.shape, 2), at(query.shape, 3), at(key.shape, 2)];
  let scores: T = tf.mul(tf.matMul(query, key, false, true), 1 / Math.sqrt(width));
  if (flagAttr(attrs, 'causal')) scores = tf.add(scores, causalMask(t, s));
  if (mask !== undefined)
    scores = tf.add(scores, tf.reshape(tf.mul(tf.sub(1, mask), BLOCKED), [at(mask.shape, 0), 1, 1, s]));
  const soft = tf.softmax(scores);
  const probabilities = flagAttr(attrs, 'rounds') ? rounded(soft) : soft;
  return [mergeHeads(tf.matMul(probabilities, value)), probabilities];
};

/** With P the probabilities: dV = P' dO; dS = P (dO V' - rowsum(dO O)); dQ = dS K and dK = dS' Q, both scaled. */
export const attentionGradient: Reference = ([dy, q, k, v, y, probabilities], attrs) => {
  const heads = numberAttr(attrs, 'heads');
  const [dO, query, key, value, output] = [dy, q, k, v, y].map((x) => splitHeads(x as T, heads)) as [T, T, T, T, T];
  const p = probabilities as T;
  const rowSums = tf.sum(tf.mul(dO, output), -1, true);
  const scale = 1 / Math.sqrt(at(query.shape, 3));
  const dS = tf.mul(p, tf.sub(tf.matMul(dO, value, false, true), rowSums));
  // A bf16 run rounds what it multiplies, and scales what comes of it.
  const isRounded = flagAttr(attrs, 'rounds');
  const left = isRounded ? rounded(dS) : tf.mul(dS, scale);
  const [dQ, dK] = [tf.matMul(left, key), tf.matMul(left, query, true)];
  const dV = tf.matMul(p, dO, true);
  return [...[dQ, dK].map((x) => (isRounded ? tf.mul(x, scale) : x)), dV].map(mergeHeads);
};
