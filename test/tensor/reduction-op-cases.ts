// Ops that make few numbers of many: sums and extremes along axes, softmax, products of matrices.
import * as tf from '../../engine/tensor/tf.js';
import { asInt, one, type OpCase, reduction, type T } from './op-case.js';
import { floats, ints } from './parity.js';

export const reductionOpCases: readonly OpCase[] = [
  ...reduction('Sum', tf.sum),
  ...reduction('Mean', tf.mean),
  ...reduction('Max', tf.max),
  ...reduction('Min', tf.min),
  ...reduction('Prod', tf.prod, []),
  one('Prod', [floats('x', [3, 4])], (x: T) => tf.prod(x, 1), [0]),
  one('Prod', [floats('x', [3, 4])], (x: T) => tf.prod(x), [0]),
  ...reduction('All', (x, axis, keep) => asInt(tf.all(tf.greater(x, -1), axis, keep)), []),
  ...reduction('Any', (x, axis, keep) => asInt(tf.any(tf.greater(x, 1), axis, keep)), []),
  one('Sum', [ints([3, 4], -4, 5)], (x: T) => tf.sum(x, 1)),
  one('Sum', [floats('s', [3])], (x: T) => tf.sum(tf.greater(x, 0))),
  one('Sum', [floats('s', [])], (x: T) => tf.sum(x), [0]),
  one('Mean', [ints([3, 4], -4, 5)], (x: T) => tf.mean(x, 1)),
  one('Max', [ints([3, 4], -4, 5)], (x: T) => tf.max(x, 0)),
  one('ArgMax', [floats('m', [3, 5])], (x: T) => tf.argMax(x, -1)),
  one('ArgMax', [floats('m', [3, 5])], (x: T) => tf.argMax(x, 0)),
  one('ArgMin', [floats('m', [3, 5])], (x: T) => tf.argMin(x, 1)),
  one('Softmax', [floats('s', [4, 6])], (x: T) => tf.softmax(x), [0]),
  one('Softmax', [floats('s', [2, 3, 5], (x) => x * 50)], (x: T) => tf.softmax(x), [0]),
  one('LogSoftmax', [floats('s', [4, 6])], (x: T) => tf.logSoftmax(x), [0]),
  ...(
    [
      [false, false],
      [true, false],
      [false, true],
      [true, true],
    ] as const
  ).flatMap(([ta, tb]) =>
    [[], [3], [2, 3]].map((batch) =>
      one(
        'BatchMatMul',
        [floats('a', [...batch, ...(ta ? [5, 4] : [4, 5])]), floats('b', [...batch, ...(tb ? [6, 5] : [5, 6])])],
        (a: T, b: T) => tf.matMul(a, b, ta, tb),
        [0, 1],
      ),
    ),
  ),
  one('BatchMatMul', [floats('a', [2, 3, 4, 5]), floats('b', [1, 1, 5, 6])], (a: T, b: T) => tf.matMul(a, b), [0, 1]),
  one('BatchMatMul', [floats('a', [2, 3, 4, 5]), floats('b', [5, 6])], (a: T, b: T) => tf.matMul(a, b), [0, 1]),
  one(
    'BatchMatMul',
    [floats('a', [2, 4, 5]), floats('b', [6, 5])],
    (a: T, b: T) => tf.matMul(a, b, false, true),
    [0, 1],
  ),
  one(
    'Greater',
    [floats('a', [2, 3]), floats('b', [3])],
    (a: T, b: T) => tf.where(tf.logicalAnd(tf.greater(a, b), tf.logicalNot(tf.less(a, 0))), a, tf.mul(b, b)),
    [0, 1],
  ),
];
