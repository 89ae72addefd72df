// Ops that take number by number: of one input, of two, comparisons, sums of lists, choices.
import * as tf from '../../engine/tensor/tf.js';
import { asInt, away, beyondOne, binary, inside, one, type OpCase, positive, type T, unary } from './op-case.js';
import { floats, ints } from './parity.js';

export const elementwiseOpCases: readonly OpCase[] = [
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
];
