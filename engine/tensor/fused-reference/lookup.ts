// References of embedding and cross entropy: the ops of our own that read by index.
import { numberAttr } from '../ops/attributes.js';
import { at } from '../ops/shapes.js';
import * as tf from '../tf.js';
import { logSoftmax } from './missing.js';
import { type Reference, requireInside } from './reference.js';

type T = tf.Tensor;

export const embedding: Reference = ([ids, table]) => {
  requireInside('PtEmbedding', ids as T, [at((table as T).shape, 0)]);
  return [tf.gather(table as T, ids as T)];
};

/** Rows of equal id are added up. */
export const embeddingGradient: Reference = ([dy, ids], attrs) => {
  const rows = numberAttr(attrs, 'rows');
  const width = at((dy as T).shape, -1);
  return [tf.scatterND(tf.reshape(ids as T, [-1, 1]), tf.reshape(dy as T, [-1, width]), [rows, width])];
};

/** The loss of each row and the log-probabilities [N, C]. */
export const crossEntropy: Reference = ([logits, labels]) => {
  const c = at((logits as T).shape, -1);
  requireInside('PtCrossEntropy', labels as T, [c]);
  const logProbabilities = logSoftmax(tf.reshape(logits as T, [-1, c]));
  const n = at(logProbabilities.shape, 0);
  const places = tf.stack([tf.range(0, n, 1, 'int32'), tf.reshape(labels as T, [n])], 1);
  return [tf.reshape(tf.neg(tf.gatherND(logProbabilities, places)), (labels as T).shape), logProbabilities];
};

/** (softmax - onehot) dy. */
export const crossEntropyGradient: Reference = ([dy, logProbabilities, labels]) => {
  const [n, c] = (logProbabilities as T).shape as [number, number];
  // A comparison and not oneHot, whose floats are wrong in the wasm backend.
  const isLabel = tf.equal(tf.reshape(labels as T, [n, 1]), tf.range(0, c, 1, 'int32'));
  return [tf.mul(tf.sub(tf.exp(logProbabilities as T), tf.cast(isLabel, 'float32')), tf.reshape(dy as T, [n, 1]))];
};
