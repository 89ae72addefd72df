// References for ops whose kernel in the wasm backend is wrong for some inputs.
import { dtypeAttr, normalAxis, numberAttr } from '../ops/attributes.js';
import { at, broadcastShapes } from '../ops/shapes.js';
import { sizeOf } from '../shape.js';
import * as tf from '../tf.js';
import { hostCos, hostFloorDiv, hostLog1p, hostMod, hostSelu, hostSin, hostSoftplus } from './host-functions.js';
import type { Reference } from './reference.js';
import { hostRound } from './rounding.js';

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

/** The kernel clamps its exponent and repeats one number for all small results. */
const sigmoid: Reference = ([x]) => [tf.reciprocal(tf.add(tf.exp(tf.neg(tf.cast(x as T, 'float32'))), 1))];

/** The kernel returns 0 for the smallest normal numbers. */
const sign: Reference = ([x]) => {
  const of = x as T;
  const flag = (condition: T): T => tf.cast(condition, of.dtype);
  return [tf.sub(flag(tf.greater(of, tf.scalar(0, of.dtype))), flag(tf.less(of, tf.scalar(0, of.dtype))))];
};

/** The kernels return the first number where the second is none. */
const extreme =
  (choose: (a: T, b: T) => T): Reference =>
  ([a, b]) => {
    const chosen = choose(a as T, b as T);
    if (chosen.dtype !== 'float32') return [chosen];
    const second = tf.broadcastTo(b as T, [...broadcastShapes((a as T).shape, (b as T).shape)]);
    return [tf.where(tf.isNaN(second), second, chosen)];
  };

/** The kernel takes what is no number for 0. */
const relu6: Reference = ([x]) => {
  const clipped = tf.relu6(x as T);
  return [clipped.dtype === 'float32' ? tf.where(tf.isNaN(x as T), x as T, clipped) : clipped];
};

/** The kernel takes what is no number for the lower limit. */
const clip: Reference = ([x], attrs) => {
  const clipped = tf.clipByValue(x as T, numberAttr(attrs, 'clipValueMin'), numberAttr(attrs, 'clipValueMax'));
  return [clipped.dtype === 'float32' ? tf.where(tf.isNaN(x as T), x as T, clipped) : clipped];
};

/** The kernel multiplies 0 by the slope of negative numbers, and that may be infinite. */
const prelu: Reference = ([x, alpha]) => {
  const leaking = tf.prelu(x as T, alpha as T);
  const wide = tf.broadcastTo(x as T, leaking.shape);
  return [tf.where(tf.greaterEqual(wide, 0), wide, leaking)];
};

export const wasmReferences: ReadonlyMap<string, Reference> = new Map([
  ['Select', select],
  ['Cast', cast],
  ['PtRound', hostRound],
  ['OneHot', oneHot],
  ['GatherV2', gather],
  ['Sigmoid', sigmoid],
  ['Sign', sign],
  ['Maximum', extreme(tf.maximum)],
  ['Minimum', extreme(tf.minimum)],
  ['Relu6', relu6],
  ['ClipByValue', clip],
  ['Prelu', prelu],
  ['Softplus', hostSoftplus],
  ['Selu', hostSelu],
  ['Log1p', hostLog1p],
  ['Sin', hostSin],
  ['Cos', hostCos],
  ['Mod', hostMod],
  ['FloorDiv', hostFloorDiv],
]);
