// The cases of every op of the table: inputs, a function that uses the op, and what to differentiate by. Data of tests.
import * as tf from '../../engine/tensor/tf.js';
import { floats, type Input, ints } from './parity.js';

// One rounding is 6e-8; sums of up to 64 terms in another order and the runtime's polynomials for exp, tanh, log add a
// few of them.
export const ROUNDING = 2e-6;

export interface OpCase {
  readonly op: string;
  readonly inputs: readonly Input[];
  readonly body: (...x: tf.Tensor[]) => tf.Tensor;
  /** Inputs to differentiate by; none for ops without a gradient. */
  readonly wrt?: readonly number[];
  /** More than ROUNDING, with the reason beside it. */
  readonly tolerance?: number;
}

// not near a kink or a pole, where both sides are right and differ
const away = (x: number): number => x + Math.sign(x) * 0.1;
const positive = (x: number): number => Math.abs(x) + 0.3;
const inside = (x: number): number => Math.tanh(x) * 0.8;
const beyondOne = (x: number): number => Math.abs(x) + 1.2;
const asInt = (x: tf.Tensor): tf.Tensor => tf.cast(x, 'int32');

type Unary = (x: tf.Tensor) => tf.Tensor;
const unary = (op: string, body: Unary, map?: (x: number) => number, extra: Partial<OpCase> = {}): OpCase[] =>
  [[], [7], [2, 3, 5]].map((shape) => ({
    op,
    inputs: [floats(op, shape, map)],
    body: (x) => body(x as tf.Tensor),
    wrt: [0],
    ...extra,
  }));

type Binary = (a: tf.Tensor, b: tf.Tensor) => tf.Tensor;
const equalShapes = [
  [[5], [5]],
  [
    [2, 3, 4],
    [2, 3, 4],
  ],
] as const;
const broadcasting = [
  [[2, 3, 4], [4]],
  [
    [3, 1],
    [2, 3, 4],
  ],
  [[4], []],
  [
    [2, 1, 4],
    [1, 3, 1],
  ],
] as const;
const binary = (
  op: string,
  body: Binary,
  {
    map,
    shapes = [...equalShapes, ...broadcasting],
    wrt = [0, 1],
  }: {
    map?: (x: number) => number;
    shapes?: readonly (readonly [readonly number[], readonly number[]])[];
    wrt?: readonly number[];
  } = {},
): OpCase[] =>
  shapes.map(([a, b]) => ({
    op,
    inputs: [floats(`${op}a`, a, map), floats(`${op}b`, b, map)],
    body: (x, y) => body(x as tf.Tensor, y as tf.Tensor),
    wrt,
  }));

const reduction = (
  op: string,
  body: (x: tf.Tensor, axis: number | number[] | undefined, keep: boolean) => tf.Tensor,
  wrt: readonly number[] = [0],
): OpCase[] =>
  (
    [
      [undefined, false],
      [0, false],
      [-1, true],
      [[0, 2], false],
      [[1, 2], true],
    ] as const
  ).map(([axis, keep]) => ({
    op,
    inputs: [floats(op, [3, 4, 5])],
    body: (x) => body(x as tf.Tensor, axis === undefined || typeof axis === 'number' ? axis : [...axis], keep),
    wrt,
  }));

const one = (
  op: string,
  inputs: readonly Input[],
  body: (...x: never[]) => tf.Tensor,
  wrt: readonly number[] = [],
  tolerance?: number,
): OpCase => ({
  op,
  inputs,
  body: body as unknown as OpCase['body'],
  wrt,
  ...(tolerance === undefined ? {} : { tolerance }),
});
type T = tf.Tensor;
const asList = ({ values, indices }: { values: T; indices: T }): T[] => [values, indices];

export const opCases: readonly OpCase[] = [
  ...unary('Neg', tf.neg),
  ...unary('Abs', tf.abs, away),
  ...unary('Exp', tf.exp),
  ...unary('Log', tf.log, positive),
  ...unary('Log1p', tf.log1p, positive),
  ...unary('Log1p', tf.log1p, (x) => x * 1e-6),
  ...unary('Expm1', tf.expm1),
  ...unary('Sqrt', tf.sqrt, positive),
  ...unary('Rsqrt', tf.rsqrt, positive),
  ...unary('Square', tf.square),
  ...unary('Reciprocal', tf.reciprocal, away, { tolerance: 1e-5 /* near 0.1 the quotient is 100 times the number */ }),
  ...unary('Sigmoid', tf.sigmoid),
  ...unary('Tanh', tf.tanh),
  ...unary('Relu', tf.relu, away),
  ...unary('Relu6', tf.relu6, (x) => away(x) * 3.1),
  ...unary('LeakyRelu', (x) => tf.leakyRelu(x, 0.1), away),
  ...unary('Elu', tf.elu, away),
  ...unary('Selu', tf.selu, away),
  ...unary('Softplus', tf.softplus),
  // TensorFlow.js approximates erf by a polynomial of absolute error 1.5e-7; its gradient is exact on both sides.
  ...unary('Erf', tf.erf),
  ...unary('Sin', tf.sin),
  ...unary('Cos', tf.cos),
  ...unary('Tan', tf.tan, inside),
  ...unary('Sinh', tf.sinh),
  ...unary('Cosh', tf.cosh),
  ...unary('Asin', tf.asin, inside),
  ...unary('Acos', tf.acos, inside),
  ...unary('Atan', tf.atan),
  ...unary('Asinh', tf.asinh),
  ...unary('Acosh', tf.acosh, beyondOne),
  ...unary('Atanh', tf.atanh, inside),
  ...unary('Step', (x) => tf.step(x, 0.5), away),
  ...unary('Sign', tf.sign, away),
  ...unary('Floor', tf.floor),
  ...unary('Ceil', tf.ceil),
  ...unary('Round', tf.round),
  ...unary('ClipByValue', (x) => tf.clipByValue(x, -0.5, 0.7)),
  ...unary('ClipByValue', (x) => tf.clipByValue(x, 0, Infinity)),
  ...['IsNan', 'IsInf', 'IsFinite'].map((op) =>
    one(op, [{ shape: [4], dtype: 'float32', data: Float32Array.of(NaN, Infinity, -Infinity, 1) }], (x: T) =>
      asInt(op === 'IsNan' ? tf.isNaN(x) : op === 'IsInf' ? tf.isInf(x) : tf.isFinite(x)),
    ),
  ),
  ...binary('Add', tf.add),
  ...binary('Sub', tf.sub),
  ...binary('Multiply', tf.mul),
  ...binary('RealDiv', tf.div, { map: positive }),
  ...binary('Maximum', tf.maximum),
  ...binary('Minimum', tf.minimum),
  ...binary('SquaredDifference', tf.squaredDifference),
  ...binary('Pow', tf.pow, { map: positive }),
  ...binary('Mod', tf.mod, { map: away, wrt: [] }),
  ...binary('FloorDiv', (a, b) => tf.floorDiv(a, b), { map: away, wrt: [] }),
  ...binary('Prelu', tf.prelu, {
    map: away,
    shapes: [
      [
        [2, 3],
        [2, 3],
      ],
      [[2, 3], [3]],
    ],
  }),
  ...(['equal', 'notEqual', 'greater', 'greaterEqual', 'less', 'lessEqual'] as const).flatMap((name) => [
    one(`${name[0]?.toUpperCase()}${name.slice(1)}`, [ints([3, 4], 0, 5), ints([4], 0, 5)], (a: T, b: T) =>
      asInt(tf[name](a, b)),
    ),
    one(`${name[0]?.toUpperCase()}${name.slice(1)}`, [floats('c', [2, 3]), floats('d', [3])], (a: T, b: T) =>
      asInt(tf[name](a, b)),
    ),
    one(`${name[0]?.toUpperCase()}${name.slice(1)}`, [floats('c', [2, 3]), floats('d', [3])], (a: T, b: T) =>
      asInt(tf[name](tf.greater(a, 0), tf.less(b, 0))),
    ),
  ]),
  ...(['logicalAnd', 'logicalOr', 'logicalXor'] as const).map((name) =>
    one(`L${name.slice(1)}`, [ints([3, 4], 0, 3), ints([4], 0, 2)], (a: T, b: T) =>
      asInt(tf[name](tf.greater(a, 0), tf.greater(b, 0))),
    ),
  ),
  one('LogicalNot', [ints([6], 0, 2)], (a: T) => asInt(tf.logicalNot(tf.greater(a, 0)))),
  one('AddN', [floats('a', [2, 3]), floats('b', [2, 3]), floats('c', [2, 3])], (...x: T[]) => tf.addN(x), [0, 1, 2]),
  one('AddN', [floats('a', [2, 3])], (x: T) => tf.addN([x]), [0]),
  one(
    'Select',
    [floats('c', [2, 3]), floats('t', [2, 3]), floats('e', [3])],
    (c: T, t: T, e: T) => tf.where(tf.greater(c, 0), t, e),
    [1, 2],
  ),
  one('Select', [floats('c', [2, 3]), floats('t', [2, 3])], (c: T, t: T) =>
    asInt(tf.where(tf.greater(c, 0), tf.greater(t, 0), tf.less(t, 1))),
  ),
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

/** A readable name per case. */
export const namedOpCases = opCases.map(
  (c, i) => [`${c.op} ${c.inputs.map(({ shape }) => `[${shape.join()}]`).join(' ')} #${i}`, c] as const,
);
