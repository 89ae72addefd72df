// Ops that move numbers: shapes, slices, joins, gathers, scatters; sequences, scans, orders, and contractions.
import * as tf from '../../engine/tensor/tf.js';
import { asList, away, binary, one, type OpCase, type T } from './op-case.js';
import { floats, ints } from './parity.js';

export const layoutOpCases: readonly OpCase[] = [
  one('Transpose', [floats('x', [3, 4])], (x: T) => tf.transpose(x), [0]),
  one('Transpose', [floats('x', [2, 3, 4, 5])], (x: T) => tf.transpose(x, [0, 2, 1, 3]), [0]),
  one('Reshape', [floats('x', [2, 6])], (x: T) => tf.reshape(x, [3, -1]), [0]),
  one('Reshape', [floats('x', [1, 1])], (x: T) => tf.reshape(x, []), [0]),
  one('ExpandDims', [floats('x', [2, 3])], (x: T) => tf.expandDims(x, 1), [0]),
  one('ExpandDims', [floats('x', [2, 3])], (x: T) => tf.expandDims(x, -1), [0]),
  one('Identity', [floats('x', [2, 3])], (x: T) => tf.clone(x), [0]),
  one('Cast', [floats('x', [5], (x) => x * 4)], (x: T) => tf.cast(x, 'int32')),
  one('Cast', [ints([5], -2, 3)], (x: T) => tf.cast(tf.cast(x, 'bool'), 'float32')),
  one('Cast', [floats('x', [5])], (x: T) => tf.cast(tf.cast(x, 'int32'), 'float32')),
  one('Tile', [floats('x', [2, 3])], (x: T) => tf.tile(x, [2, 3]), [0]),
  one('Tile', [floats('x', [1, 3])], (x: T) => tf.broadcastTo(x, [2, 4, 3]), [0]),
  one('Slice', [floats('x', [4, 5])], (x: T) => tf.slice(x, [1, 2], [2, -1]), [0]),
  one('Slice', [floats('x', [4, 5])], (x: T) => tf.slice(x, 1), [0]),
  one('StridedSlice', [floats('x', [4, 6])], (x: T) => tf.stridedSlice(x, [0, 1], [4, 6], [2, 3])),
  one('StridedSlice', [floats('x', [4, 6])], (x: T) => tf.stridedSlice(x, [3, 5], [-5, 0], [-1, -2])),
  one('StridedSlice', [floats('x', [4, 6])], (x: T) => tf.stridedSlice(x, [1, 0], [2, 3], [1, 1], 0, 0, 0, 0, 1)),
  one('Reverse', [floats('x', [3, 4])], (x: T) => tf.reverse(x, [1]), [0]),
  one('Reverse', [floats('x', [3, 4])], (x: T) => tf.reverse(x), [0]),
  one('Concat', [floats('a', [2, 3]), floats('b', [2, 1])], (a: T, b: T) => tf.concat([a, b], 1), [0, 1]),
  one('Concat', [floats('a', [2, 3]), floats('b', [4, 3])], (a: T, b: T) => tf.concat([a, b], 0), [0, 1]),
  one('Pack', [floats('a', [2, 3]), floats('b', [2, 3])], (a: T, b: T) => tf.stack([a, b], 1), [0, 1]),
  one('Pack', [floats('a', []), floats('b', [])], (a: T, b: T) => tf.stack([a, b]), [0, 1]),
  one('Unpack', [floats('a', [3, 4])], (a: T) => tf.sub(tf.unstack(a, 1)[0] as T, tf.unstack(a, 1)[2] as T), [0]),
  one('SplitV', [floats('a', [4, 6])], (a: T) => tf.mul(tf.split(a, 3, 1)[0] as T, tf.split(a, 3, 1)[2] as T), [0]),
  one('SplitV', [floats('a', [4, 6])], (a: T) => tf.split(a, [1, 2, 1], 0)[1] as T, [0]),
  one(
    'PadV2',
    [floats('a', [2, 3])],
    (a: T) =>
      tf.pad(
        a,
        [
          [1, 0],
          [2, 1],
        ],
        0.5,
      ),
    [0],
  ),
  one('PadV2', [ints([3], 0, 9)], (a: T) => tf.pad(a, [[1, 2]])),
  one('GatherV2', [floats('x', [5, 3]), ints([2, 4], 0, 5)], (x: T, i: T) => tf.gather(x, i), [0]),
  one('GatherV2', [floats('x', [3, 5]), ints([4], 0, 5)], (x: T, i: T) => tf.gather(x, i, 1), [0]),
  one('GatherV2', [floats('x', [2, 5, 3]), ints([2, 4], 0, 5)], (x: T, i: T) => tf.gather(x, i, 1, 1)),
  one('GatherNd', [floats('x', [3, 4, 2]), ints([5, 2], 0, 3)], (x: T, i: T) => tf.gatherND(x, i)),
  one(
    'UnsortedSegmentSum',
    [floats('x', [8, 3]), ints([8], 0, 4)],
    (x: T, i: T) => tf.unsortedSegmentSum(x, i as tf.Tensor1D, 4),
    [0],
  ),
  one('UnsortedSegmentSum', [floats('x', [8]), ints([8], -1, 6)], (x: T, i: T) =>
    tf.unsortedSegmentSum(x, i as tf.Tensor1D, 4),
  ),
  one('OneHot', [ints([2, 4], -1, 6)], (i: T) => tf.oneHot(i, 5)),
  one('OneHot', [ints([4], 0, 3)], (i: T) => tf.oneHot(i, 3, 0.9, 0.1, 'float32')),
  one('Fill', [floats('x', [2, 30])], (x: T) => tf.add(x, tf.fill([2, 30], 0.25)), [0]),
  one('Fill', [ints([3], 0, 4)], (x: T) => tf.add(x, tf.fill([3], 2, 'int32'))),
  one('ZerosLike', [floats('x', [5, 5])], (x: T) => tf.add(tf.zerosLike(x), x), [0]),
  one('OnesLike', [floats('x', [5, 5])], (x: T) => tf.add(tf.onesLike(x), x), [0]),
  one('Range', [floats('x', [4])], (x: T) => tf.add(x, tf.range(1, 9, 2)), [0]),
  one('Range', [floats('x', [4])], (x: T) => tf.add(x, tf.range(4, 0)), [0]),
  one('Range', [ints([3], 0, 2)], (x: T) => tf.add(x, tf.range(0, 3, 1, 'int32'))),
  one('LinSpace', [floats('x', [5])], (x: T) => tf.add(x, tf.linspace(0, 1, 5)), [0]),
  ...(
    [
      [false, false],
      [true, false],
      [false, true],
      [true, true],
    ] as const
  ).map(([exclusive, reverse]) =>
    one('Cumsum', [floats('x', [3, 5])], (x: T) => tf.cumsum(x, 1, exclusive, reverse), [0]),
  ),
  ...(
    [
      [false, false],
      [true, false],
      [false, true],
      [true, true],
    ] as const
  ).map(([exclusive, reverse]) =>
    one('Cumprod', [floats('x', [3, 5])], (x: T) => tf.cumprod(x, 1, exclusive, reverse)),
  ),
  one('Cumprod', [floats('x', [1])], (x: T) => tf.cumprod(x)),
  one('Cumprod', [ints([8, 2], -2, 3)], (x: T) => tf.cumprod(x, 0)),
  ...binary('Atan2', tf.atan2, { map: away }),
  one(
    'Atan2',
    [
      floats('y', [6], (y) => Math.sign(y)),
      { shape: [6], dtype: 'float32', data: Float32Array.of(0, 0, -1, 1, NaN, -Infinity) },
    ],
    (y: T, x: T) => tf.atan2(y, x),
  ),
  ...([1, 3] as const).flatMap((k) =>
    [0, 1].map((which) => one('TopK', [floats('x', [4, 6])], (x: T) => asList(tf.topk(x, k))[which] as T)),
  ),
  one('TopK', [ints([2, 8], 0, 3)], (x: T) => tf.topk(x, 5).indices),
  one(
    'Einsum',
    [floats('a', [2, 3, 4]), floats('b', [2, 5, 4])],
    (a: T, b: T) => tf.einsum('bij, bkj -> bik', a, b),
    [0, 1],
  ),
  one('Einsum', [floats('a', [3, 4]), floats('b', [2])], (a: T, b: T) => tf.einsum('ij,k->jki', a, b), [0, 1]),
  one('Einsum', [floats('a', [2, 3, 4])], (a: T) => tf.einsum('abc->ca', a), [0]),
  one('Einsum', [floats('a', [3]), floats('b', [])], (a: T, b: T) => tf.einsum('i,->i', a, b), [0, 1]),
  ...(['linear', 'relu', 'relu6', 'elu', 'sigmoid', 'leakyrelu', 'prelu'] as const).flatMap((activation) =>
    [false, true].map((transposeA) =>
      one(
        '_FusedMatMul',
        [floats('a', transposeA ? [4, 3] : [3, 4]), floats('b', [4, 5]), floats('c', [5]), floats('d', [5])],
        (a: T, b: T, bias: T, weights: T) =>
          tf.fused.matMul({
            a,
            b,
            transposeA,
            transposeB: false,
            bias,
            activation,
            ...(activation === 'prelu' ? { preluActivationWeights: weights } : {}),
          }),
      ),
    ),
  ),
  one(
    '_FusedMatMul',
    [floats('a', [2, 3, 4]), floats('b', [2, 4, 5])],
    (a: T, b: T) => tf.fused.matMul({ a, b, activation: 'linear' }),
    [0, 1],
  ),
  one('ScatterNd', [ints([5, 2], 0, 3), floats('u', [5, 4])], (i: T, u: T) => tf.scatterND(i, u, [3, 3, 4])),
  one('ScatterNd', [ints([4], 0, 6), ints([4], 1, 9)], (i: T, u: T) => tf.scatterND(i, u, [6])),
  one('TensorScatterUpdate', [floats('x', [6, 3]), ints([4, 1], 0, 6), floats('u', [4, 3])], (x: T, i: T, u: T) =>
    tf.tensorScatterUpdate(x, i, u),
  ),
  one('Diag', [floats('x', [2, 3])], (x: T) => tf.diag(x)),
  one('GatherV2', [floats('x', [2, 3, 5, 4]), ints([2, 6, 2], 0, 5)], (x: T, i: T) => tf.gather(x, i, 2, 1)),
  one('Unpack', [floats('a', [3, 1])], (a: T) => tf.unstack(a, 1)[0] as T, [0]),
  one('EluGrad', [floats('x', [5], away)], (x: T) => tf.elu(x), [0]),
];
