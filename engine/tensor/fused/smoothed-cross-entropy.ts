// crossEntropy with label smoothing (Szegedy et al. 2016): the label has the share 1 - smoothing of the target, and all
// classes, the label among them, have equal parts of the rest.
import * as tf from '../tf.js';
import { crossEntropy as hardCrossEntropy } from './cross-entropy.js';

/**
 * Cross entropy in nats of `logits` [..., C] against `labels` int32 [...], per row: [...]. Every label must lie in
 * 0..C-1; the run fails otherwise. `smoothing` is in [0, 1).
 */
export function crossEntropy(logits: tf.Tensor, labels: tf.Tensor, smoothing = 0): tf.Tensor {
  const hard = hardCrossEntropy(logits, labels);
  if (smoothing === 0) return hard;
  // The mean over the classes of -log softmax.
  const even = tf.sub(tf.logSumExp(logits, -1), tf.mean(logits, -1));
  return tf.add(tf.mul(hard, 1 - smoothing), tf.mul(even, smoothing));
}
