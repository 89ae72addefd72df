// References of rounding to bfloat16 and back. TensorFlow.js has no such type: there a bfloat16 is a float32 whose
// lower half is zero.
import { roundToBfloat16, widenBfloat16 } from '../bfloat16.js';
import * as tf from '../tf.js';
import type { Reference } from './reference.js';

type T = tf.Tensor;

/** From here on a multiple of x by 2^16 + 1 could be infinite. */
const LARGE = 2 ** 100;
const SCALE = 2 ** -32;

/**
 * The nearest number with `bits` bits, by Veltkamp's splitting (Dekker 1971), which takes either neighbour where both
 * are equally near.
 */
function nearest(x: T, bits: number): T {
  const scaled = tf.mul(x, 2 ** (24 - bits) + 1);
  return tf.sub(scaled, tf.sub(scaled, x));
}

/** Where two neighbours are equally near, the even one has a bit less. */
export const round: Reference = ([x]) => {
  const isLarge = tf.greater(tf.abs(x as T), LARGE);
  const small = tf.where(isLarge, tf.mul(x as T, SCALE), x as T);
  const near = nearest(small, 8);
  const other = tf.add(small, tf.sub(small, near));
  const isTie = tf.equal(nearest(other, 8), other);
  const isOdd = tf.notEqual(nearest(near, 7), near);
  const even = tf.where(tf.logicalAnd(isTie, isOdd), other, near);
  const rounded = tf.where(isLarge, tf.div(even, SCALE), even);
  // Of an infinity the splitting makes NaN.
  return [tf.where(tf.isInf(x as T), x as T, rounded)];
};

/** For backends in the memory of this process: the bits themselves. */
export const hostRound: Reference = ([x]) => {
  const from = (x as T).dataSync<'float32'>();
  const halves = new Uint16Array(from.length);
  roundToBfloat16(from, halves);
  const to = new Float32Array(from.length);
  widenBfloat16(halves, to);
  return [tf.tensor(to, (x as T).shape, 'float32')];
};

export const widen: Reference = ([x]) => [tf.clone(x as T)];
