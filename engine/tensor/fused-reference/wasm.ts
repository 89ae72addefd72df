// References for ops whose kernel in the wasm backend is wrong for some inputs.
import { dtypeAttr, normalAxis, numberAttr } from '../ops/attributes.js';
import { at } from '../ops/shapes.js';
import { sizeOf } from '../shape.js';
import * as tf from '../tf.js';
import type { Reference } from './reference.js';

type T = tf.Tensor;

/** The kernel takes booleans, which are one byte each, for four, and writes beyond the result. */
const select: Reference = ([condition, a, b]) => {
  if ((a as T).dtype !== 'bool') return [tf.where(condition as T, a as T, b as T)];
  return [tf.cast(tf.where(condition as T, tf.cast(a as T, 'int32'), tf.cast(b as T, 'int32')), 'bool')];
};

/** The kernel keeps the lowest byte of a number where it should ask whether there is one. */
const cast: Reference = ([x], attrs) => {
  const dtype = dtypeAttr(attrs, 'dtype');
  return [
    dtype === 'bool' && (x as T).dtype !== 'bool'
      ? tf.notEqual(x as T, tf.scalar(0, (x as T).dtype))
      : tf.cast(x as T, dtype),
  ];
};

/** The kernel writes integers, also into a tensor of floats. */
const oneHot: Reference = ([indices], attrs) => {
  const [depth, on, off] = [numberAttr(attrs, 'depth'), numberAttr(attrs, 'onValue'), numberAttr(attrs, 'offValue')];
  const dtype = dtypeAttr(attrs, 'dtype');
  const isHot = tf.equal(tf.expandDims(indices as T, -1), tf.range(0, depth, 1, 'int32'));
  return [tf.cast(tf.where(isHot, tf.fill(isHot.shape, on), tf.fill(isHot.shape, off)), dtype)];
};

/** The kernel is wrong for batches. Here they become parts of one long table. */
const gather: Reference = ([x, indices], attrs) => {
  const [table, ids] = [x as T, indices as T];
  const batchDims = attrs['batchDims'] === undefined ? 0 : numberAttr(attrs, 'batchDims');
  const axis = normalAxis(numberAttr(attrs, 'axis'), table.rank);
  if (batchDims === 0) return [tf.gather(table, ids, axis)];
  const [batch, outer, inner] = [
    table.shape.slice(0, batchDims),
    table.shape.slice(batchDims, axis),
    table.shape.slice(axis + 1),
  ];
  const [b, o, n, i] = [sizeOf(batch), sizeOf(outer), at(table.shape, axis), sizeOf(inner)];
  const m = ids.size / b;
  const rows = tf.reshape(tf.transpose(tf.reshape(table, [b, o, n, i]), [0, 2, 1, 3]), [b * n, o * i]);
  const begins = tf.mul(tf.range(0, b, 1, 'int32'), tf.scalar(n, 'int32'));
  const places = tf.add(tf.reshape(ids, [b, m]), tf.expandDims(begins, 1));
  const found = tf.reshape(tf.gather(rows, tf.reshape(places, [b * m])), [b, m, o, i]);
  return [tf.reshape(tf.transpose(found, [0, 2, 1, 3]), [...batch, ...outer, ...ids.shape.slice(batchDims), ...inner])];
};

export const wasmReferences: ReadonlyMap<string, Reference> = new Map([
  ['Select', select],
  ['Cast', cast],
  ['OneHot', oneHot],
  ['GatherV2', gather],
]);
