// References of ordinary ops for which one backend or another has no kernel.
import { numberAttr, numbersAttr } from '../ops/attributes.js';
import { at } from '../ops/shapes.js';
import { sizeOf } from '../shape.js';
import * as tf from '../tf.js';
import type { Reference } from './reference.js';

type T = tf.Tensor;

/** log softmax over the last axis. */
export function logSoftmax(x: T): T {
  const shifted = tf.sub(x, tf.max(x, -1, true));
  return tf.sub(shifted, tf.log(tf.sum(tf.exp(shifted), -1, true)));
}

/** The op of that name; public functions of TensorFlow.js use it over the last axis only. */
export const logSoftmaxOp: Reference = ([logits]) => [logSoftmax(logits as T)];

export const addV2: Reference = ([a, b]) => [tf.add(a as T, b as T)];

/** True where exactly one of two booleans is. */
export const logicalXor: Reference = ([a, b]) => [
  tf.logicalAnd(tf.logicalOr(a as T, b as T), tf.logicalNot(tf.logicalAnd(a as T, b as T))),
];

export const broadcastTo: Reference = ([x], attrs) => [tf.broadcastTo(x as T, [...numbersAttr(attrs, 'shape')])];

/** Rows of equal id added up; rows with an id outside of the segments go to a spare one that is cut off. */
export const unsortedSegmentSum: Reference = ([x, segmentIds], attrs) => {
  const segments = numberAttr(attrs, 'numSegments');
  const ids = segmentIds as T;
  const isInside = tf.logicalAnd(
    tf.greaterEqual(ids, tf.scalar(0, 'int32')),
    tf.less(ids, tf.scalar(segments, 'int32')),
  );
  const kept = tf.where(isInside, ids, tf.fill(ids.shape, segments, 'int32'));
  const shape = (x as T).shape.slice(ids.rank);
  const rows = tf.reshape(tf.cast(x as T, 'float32'), [ids.size, sizeOf(shape)]);
  const sums = tf.scatterND(tf.reshape(kept, [-1, 1]), rows, [segments + 1, at(rows.shape, 1)]);
  return [tf.reshape(tf.slice(sums, [0, 0], [segments, at(rows.shape, 1)]), [segments, ...shape])];
};
