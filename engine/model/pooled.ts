// Pooled: one row of numbers for a whole sample, from those of its tokens. Shape suffixes: B samples, T tokens, D
// width.
import * as tf from '../tensor/tf.js';

/** The mean over the real tokens; there is always one. */
export function meanToken(x_BTD: tf.Tensor, mask_BT: tf.Tensor): tf.Tensor {
  const mask_BT1 = tf.expandDims(mask_BT, -1);
  return tf.div(tf.sum(tf.mul(x_BTD, mask_BT1), 1), tf.sum(mask_BT1, 1));
}

/** The last real token: what a causal model has read when it has read all. `mask` is 1 up to it and 0 behind it. */
export function lastToken(x_BTD: tf.Tensor, mask_BT: tf.Tensor): tf.Tensor {
  const [B = 0, T = 0] = mask_BT.shape;
  const next_BT = tf.pad(tf.slice(mask_BT, [0, 1], [B, T - 1]), [
    [0, 0],
    [0, 1],
  ]);
  return tf.sum(tf.mul(x_BTD, tf.expandDims(tf.sub(mask_BT, next_BT), -1)), 1);
}
