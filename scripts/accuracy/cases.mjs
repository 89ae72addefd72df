// The elementwise ops of floats: what is called, what it is in 64 bits, and how far off it may be, in units in the last
// place. What may be further off than 4 has its reason.
import * as r from './references.mjs';

/** @typedef {import('#dist/engine/tensor/tf.js').Tensor} Tensor */
/** @typedef {typeof import('#dist/engine/tensor/tf.js')} Tf */
/** @typedef {typeof import('#dist/engine/tensor/nn.js')} Nn */

/**
 * @typedef {object} Case
 * @property {string} name
 * @property {(tf: Tf, nn: Nn) => (...x: Tensor[]) => Tensor} op
 * @property {(...x: number[]) => number} value
 * @property {((x: number) => number) | undefined} [slope] Of ops of one number.
 * @property {number} [bound] In units in the last place; 4 where it is not given.
 * @property {number} [slopeBound]
 * @property {string} [reason] For bounds above 4.
 * @property {(...x: number[]) => boolean} [within] Where it is measured; everywhere without it.
 * @property {boolean} [isPlaced] Whether the bits of an element depend on where it stands.
 */

const CANCELS = 'the gradient is computed from the result, as PyTorch does it: what is left of 1 - y rounds';
const LARGE = 1e9;

/** @type {readonly Case[]} */
export const unary = [
  { name: 'neg', op: (tf) => tf.neg, value: (x) => -x, slope: () => -1 },
  { name: 'abs', op: (tf) => tf.abs, value: Math.abs, slope: (x) => Math.sign(x) || 0 },
  { name: 'sign', op: (tf) => tf.sign, value: (x) => Math.sign(x) || 0, slope: () => 0 },
  { name: 'square', op: (tf) => tf.square, value: (x) => x * x, slope: (x) => 2 * x },
  { name: 'floor', op: (tf) => tf.floor, value: Math.floor, slope: () => 0 },
  { name: 'ceil', op: (tf) => tf.ceil, value: Math.ceil, slope: () => 0 },
  { name: 'round', op: (tf) => tf.round, value: r.round, slope: () => 0 },
  { name: 'sqrt', op: (tf) => tf.sqrt, value: Math.sqrt, slope: (x) => 0.5 / Math.sqrt(x) },
  { name: 'rsqrt', op: (tf) => tf.rsqrt, value: (x) => 1 / Math.sqrt(x) },
  { name: 'reciprocal', op: (tf) => tf.reciprocal, value: (x) => 1 / x },
  { name: 'exp', op: (tf) => tf.exp, value: Math.exp, slope: Math.exp },
  { name: 'expm1', op: (tf) => tf.expm1, value: Math.expm1, slope: Math.exp },
  { name: 'log', op: (tf) => tf.log, value: Math.log, slope: (x) => 1 / x },
  { name: 'log1p', op: (tf) => tf.log1p, value: Math.log1p, slope: (x) => 1 / (1 + x) },
  {
    name: 'sigmoid',
    op: (tf) => tf.sigmoid,
    value: r.sigmoid,
    slope: (x) => r.sigmoid(x) * r.sigmoid(-x),
    slopeBound: LARGE,
    reason: CANCELS,
  },
  { name: 'logSigmoid', op: (tf) => tf.logSigmoid, value: (x) => -r.softplus(-x), slope: (x) => r.sigmoid(-x) },
  { name: 'softplus', op: (tf) => tf.softplus, value: r.softplus, slope: r.sigmoid },
  {
    name: 'tanh',
    op: (tf) => tf.tanh,
    value: Math.tanh,
    slope: (x) => 1 / r.coshSquared(x),
    slopeBound: LARGE,
    reason: CANCELS,
  },
  { name: 'relu', op: (tf) => tf.relu, value: (x) => (x < 0 ? 0 : x) },
  { name: 'relu6', op: (tf) => tf.relu6, value: (x) => Math.min(6, x < 0 ? 0 : x) },
  { name: 'leakyRelu', op: (tf) => (x) => tf.leakyRelu(x, 0.25), value: (x) => (x < 0 ? x / 4 : x) },
  {
    name: 'elu',
    op: (tf) => tf.elu,
    value: r.elu,
    slope: (x) => (x > 0 ? 1 : Math.exp(x)),
    slopeBound: LARGE,
    reason: CANCELS,
  },
  {
    name: 'selu',
    op: (tf) => tf.selu,
    value: r.selu,
    slope: (x) => r.SELU_SCALE * (x > 0 ? 1 : r.SELU_ALPHA * Math.exp(x)),
  },
  {
    name: 'erf',
    op: (tf) => tf.erf,
    value: r.erf,
    slope: (x) => (2 / Math.sqrt(Math.PI)) * Math.exp(-x * x),
    slopeBound: 120,
    reason: 'exp of a square that was rounded: half a unit of x^2 = 80 is 80 half units of its exponential',
  },
  {
    name: 'nn.gelu',
    op: (_, nn) => nn.gelu,
    value: r.gelu,
    bound: LARGE,
    reason:
      'computed as PyTorch does, x (1 + erf(x / sqrt 2)) / 2: below -4 it is off by up to 4e-7, which is all of it',
  },
  { name: 'sin', op: (tf) => tf.sin, value: Math.sin, slope: Math.cos, isPlaced: true },
  { name: 'cos', op: (tf) => tf.cos, value: Math.cos, slope: (x) => -Math.sin(x), isPlaced: true },
  { name: 'tan', op: (tf) => tf.tan, value: Math.tan },
  { name: 'asin', op: (tf) => tf.asin, value: Math.asin },
  { name: 'acos', op: (tf) => tf.acos, value: Math.acos },
  { name: 'atan', op: (tf) => tf.atan, value: Math.atan, slope: (x) => 1 / (1 + x * x) },
  { name: 'sinh', op: (tf) => tf.sinh, value: Math.sinh, slope: Math.cosh },
  { name: 'cosh', op: (tf) => tf.cosh, value: Math.cosh, slope: Math.sinh },
  { name: 'asinh', op: (tf) => tf.asinh, value: Math.asinh },
  { name: 'acosh', op: (tf) => tf.acosh, value: Math.acosh },
  { name: 'atanh', op: (tf) => tf.atanh, value: Math.atanh },
  { name: 'clipByValue', op: (tf) => (x) => tf.clipByValue(x, -2, 3), value: (x) => Math.min(3, Math.max(-2, x)) },
  { name: 'step', op: (tf) => (x) => tf.step(x), value: (x) => (Number.isNaN(x) ? x : Number(x > 0)) },
  { name: 'isNaN', op: (tf) => tf.isNaN, value: (x) => Number(Number.isNaN(x)) },
  { name: 'isInf', op: (tf) => tf.isInf, value: (x) => Number(Math.abs(x) === Infinity) },
  { name: 'isFinite', op: (tf) => tf.isFinite, value: (x) => Number(Number.isFinite(x)) },
];

/** @type {readonly Case[]} */
export const binary = [
  { name: 'add', op: (tf) => tf.add, value: (a, b) => a + b },
  { name: 'sub', op: (tf) => tf.sub, value: (a, b) => a - b },
  { name: 'mul', op: (tf) => tf.mul, value: (a, b) => a * b },
  { name: 'div', op: (tf) => tf.div, value: (a, b) => a / b },
  { name: 'divNoNan', op: (tf) => tf.divNoNan, value: (a, b) => (b === 0 ? 0 : a / b) },
  { name: 'pow', op: (tf) => tf.pow, value: r.pow },
  { name: 'mod', op: (tf) => tf.mod, value: r.mod, within: (_, b) => !(Math.abs(b) < 1e-30) },
  { name: 'atan2', op: (tf) => tf.atan2, value: Math.atan2 },
  { name: 'maximum', op: (tf) => tf.maximum, value: Math.max },
  { name: 'minimum', op: (tf) => tf.minimum, value: Math.min },
  { name: 'squaredDifference', op: (tf) => tf.squaredDifference, value: (a, b) => (a - b) ** 2 },
  { name: 'prelu', op: (tf) => tf.prelu, value: (x, a) => (x >= 0 ? x : x * a) },
  { name: 'equal', op: (tf) => tf.equal, value: (a, b) => Number(a === b) },
  { name: 'notEqual', op: (tf) => tf.notEqual, value: (a, b) => Number(a !== b) },
  { name: 'greater', op: (tf) => tf.greater, value: (a, b) => Number(a > b) },
  { name: 'greaterEqual', op: (tf) => tf.greaterEqual, value: (a, b) => Number(a >= b) },
  { name: 'less', op: (tf) => tf.less, value: (a, b) => Number(a < b) },
  { name: 'lessEqual', op: (tf) => tf.lessEqual, value: (a, b) => Number(a <= b) },
];
