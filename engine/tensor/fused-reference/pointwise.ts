// References of gelu, layerNorm, linear with the gradient of its bias, and dropout.
import { numberAttr } from '../ops/attributes.js';
import * as tf from '../tf.js';
import type { Reference } from './reference.js';

type T = tf.Tensor;

/** P(X <= x) for a standard normal X. */
const normalDistribution = (x: T): T => tf.mul(tf.add(tf.erf(tf.mul(x, Math.SQRT1_2)), 1), 0.5);

export const gelu: Reference = ([x]) => [tf.mul(x as T, normalDistribution(x as T))];

/** d gelu = P(X <= x) + x p(x), with p the density. */
export const geluGradient: Reference = ([dy, x]) => {
  const density = tf.mul(tf.exp(tf.mul(tf.square(x as T), -0.5)), 1 / Math.sqrt(2 * Math.PI));
  return [tf.mul(dy as T, tf.add(normalDistribution(x as T), tf.mul(x as T, density)))];
};

/** The normalised rows, their means and reciprocal deviations. */
export const layerNorm: Reference = ([x, gain, bias], attrs) => {
  const mean = tf.mean(x as T, -1, true);
  const centred = tf.sub(x as T, mean);
  const deviation = tf.rsqrt(tf.add(tf.mean(tf.square(centred), -1, true), numberAttr(attrs, 'epsilon')));
  return [tf.add(tf.mul(tf.mul(centred, deviation), gain as T), bias as T), mean, deviation];
};

/**
 * With n the normalised rows, r the reciprocal deviation and g = dy gain: dx = r (g - avg(g) - n avg(g n)); dgain = sum
 * dy n; dbias = sum dy.
 */
export const layerNormGradient: Reference = ([dy, x, gain, mean, deviation]) => {
  const n = tf.mul(tf.sub(x as T, mean as T), deviation as T);
  const g = tf.mul(dy as T, gain as T);
  const rest = tf.sub(tf.sub(g, tf.mean(g, -1, true)), tf.mul(n, tf.mean(tf.mul(g, n), -1, true)));
  const rows = (dy as T).shape.slice(0, -1).map((_, i) => i);
  return [tf.mul(rest, deviation as T), tf.sum(tf.mul(dy as T, n), rows), tf.sum(dy as T, rows)];
};

export const linear: Reference = ([x, w, b]) => {
  const y = tf.matMul(x as T, w as T);
  return [b === undefined ? y : tf.add(y, b)];
};

/** The rows added up: the gradient of a bias. */
export const rowSum: Reference = ([x]) => [tf.sum(x as T, 0)];

export const dropout: Reference = ([x, noise], attrs) => {
  const rate = numberAttr(attrs, 'rate');
  const factor = tf.mul(tf.cast(tf.greaterEqual(noise as T, rate), 'float32'), 1 / (1 - rate));
  return [tf.mul(x as T, factor)];
};
