// References for ops whose kernel in the webgpu backend is wrong for some inputs.
import { flagAttr, normalAxis, numberAttr } from '../ops/attributes.js';
import { at } from '../ops/shapes.js';
import * as tf from '../tf.js';
import type { Reference } from './reference.js';

type T = tf.Tensor;

/**
 * Booleans as floats. A cast would only rename them: their buffer keeps integers, and shaders that copy it are refused.
 */
const asFloats = (x: T): T => tf.where(x, tf.fill(x.shape, 1), tf.fill(x.shape, 0));

const transpose: Reference = ([x], attrs) => {
  const perm = attrs['perm'] as number[];
  const from = x as T;
  return [from.dtype === 'bool' ? tf.cast(tf.transpose(asFloats(from), perm), 'bool') : tf.transpose(from, perm)];
};

/** The kernels transpose such casts where the axis is not the last. */
const reduced =
  (reduce: (x: T, axis: number[], keepDims: boolean) => T): Reference =>
  ([x], attrs) => [tf.cast(reduce(asFloats(x as T), attrs['axis'] as number[], attrs['keepDims'] === true), 'bool')];

/** The kernels keep a shader with the length of one call for calls of other lengths, and round powers of two down. */
const cumulated =
  (combine: (a: T, b: T) => T, start: number): Reference =>
  ([x], attrs) => {
    const from = x as T;
    const axis = normalAxis(numberAttr(attrs, 'axis'), from.rank);
    const [isExclusive, isReversed] = [flagAttr(attrs, 'exclusive'), flagAttr(attrs, 'reverse')];
    const parts: T[] = tf.unstack(from, axis);
    if (isReversed) parts.reverse();
    let total: T = tf.fill(at(parts, 0).shape, start, from.dtype);
    const totals = parts.map((part) => {
      const before = total;
      total = combine(total, part);
      return isExclusive ? before : total;
    });
    return [tf.stack(isReversed ? totals.reverse() : totals, axis)];
  };

export const webgpuReferences: ReadonlyMap<string, Reference> = new Map([
  ['Transpose', transpose],
  ['All', reduced(tf.min)],
  ['Any', reduced(tf.max)],
  ['Cumsum', cumulated(tf.add, 0)],
  ['Cumprod', cumulated(tf.mul, 1)],
]);
