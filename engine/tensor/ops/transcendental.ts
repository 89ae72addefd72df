// Elementwise functions that operators of ONNX Runtime get wrong somewhere in their range: its Sigmoid stops at -18,
// its Softplus and Elu lose what is small beside 1, its Log and its inverse functions give an element other bits in the
// last, partial vector of a tensor than elsewhere. docs/accuracy.md has what is left.
import { sizeOf } from '../shape.js';
import { type Chain, finishChain, float, nodeOf, polynomial } from './composition.js';
import type { EmitContext, NodeWriter, OpDefinition } from './definition.js';
import { finishReshape, int64s, reshape } from './emit.js';
import { floatOp } from './float-op.js';

const SELU_SCALE = 1.0507009873554805;
const SELU_ALPHA = 1.6732632423543772;

/** 1 / (1 + exp(-x)): where exp overflows the quotient is 0, which is what the smallest results are anyway. */
const sigmoid: Chain = (e, x) => ['Reciprocal', e.node('Add', [e.node('Exp', [e.node('Neg', [x])]), float(e, 1)])];

/** Below it tanh(x) is x, and the runtime's rational function, whose terms fall below the normal numbers, gives 0. */
const SMALL_TANH = 1e-30;

/** Without the limits some results would lie just outside of them, and 1 - tanh(x)^2 below 0. */
const tanh: Chain = (e, x) => [
  'Where',
  e.node('Less', [e.node('Abs', [x]), float(e, SMALL_TANH)]),
  x,
  e.node('Clip', [e.node('Tanh', [x]), float(e, -1), float(e, 1)]),
];

/** (e^x - 1 - x) / x^2 for |x| <= 1/2, to 4e-10. */
const EXPM1 = [
  0.5, 0.1666666716337204, 0.0416666679084301, 0.008333181962370872, 0.0013888737885281444, 0.00019962176156695932,
  0.00002492243584129028,
];

/** exp(x) - 1 cancels near zero; there it is a polynomial. */
const expm1: Chain = (e, x) => {
  const factor = e.node('Add', [e.node('Mul', [x, polynomial(e, x, EXPM1)]), float(e, 1)]);
  const isNear = e.node('Less', [e.node('Abs', [x]), float(e, 0.5)]);
  return ['Where', isNear, e.node('Mul', [x, factor]), e.node('Sub', [e.node('Exp', [x]), float(e, 1)])];
};

const elu: Chain = (e, x) => ['Where', e.node('Greater', [x, float(e, 0)]), x, nodeOf(e, expm1(e, x))];

const selu: Chain = (e, x) => [
  'Where',
  e.node('Greater', [x, float(e, 0)]),
  e.node('Mul', [x, float(e, SELU_SCALE)]),
  e.node('Mul', [nodeOf(e, expm1(e, x)), float(e, SELU_SCALE * SELU_ALPHA)]),
];

/** (artanh(s) / s - 1) / s^2 as a polynomial in s^2 for |s| <= 1/3, to 4e-9. */
const ARTANH = [0.3333333432674408, 0.19999852776527405, 0.142961785197258, 0.1085328757762909, 0.11612164974212646];

/** max(x, 0) + log(1 + z) for z = exp(-|x|); log(1 + z) = 2 artanh(z / (2 + z)), which loses nothing of a small z. */
const softplus: Chain = (e, x) => {
  const z = e.node('Exp', [e.node('Neg', [e.node('Abs', [x])])]);
  // Twice the argument: half of the smallest z would be no normal number.
  const s = e.node('Div', [e.node('Add', [z, z]), e.node('Add', [z, float(e, 2)])]);
  const square = e.node('Mul', [e.node('Mul', [s, s]), float(e, 0.25)]);
  const rest = e.node('Mul', [e.node('Mul', [s, square]), polynomial(e, square, ARTANH)]);
  return ['Add', e.node('Max', [x, float(e, 0)]), e.node('Add', [s, rest])];
};

/** (arctan(x) - x) / x^3 as a polynomial in x^2 for |x| <= tan(pi / 8), to 2e-8. */
const ARCTAN = [
  -0.3333333134651184, 0.19999539852142334, -0.14263956248760223, 0.10743731260299683, -0.06451927870512009,
];
const STEEP = Math.tan((3 * Math.PI) / 8);
const FLAT = Math.tan(Math.PI / 8);

/** The angle of a slope: that of -1 / |x| behind a quarter turn, of (|x| - 1) / (|x| + 1) behind an eighth, or of x. */
const atan: Chain = (e, x) => {
  const t = e.node('Abs', [x]);
  const [isSteep, isFlat] = [e.node('Greater', [t, float(e, STEEP)]), e.node('LessOrEqual', [t, float(e, FLAT)])];
  const turned = e.node('Div', [e.node('Sub', [t, float(e, 1)]), e.node('Add', [t, float(e, 1)])]);
  const steep = e.node('Div', [float(e, -1), t]);
  const r = e.node('Where', [isSteep, steep, e.node('Where', [isFlat, t, turned])]);
  const before = e.node('Where', [isFlat, float(e, 0), float(e, Math.PI / 4)]);
  const begin = e.node('Where', [isSteep, float(e, Math.PI / 2), before]);
  const square = e.node('Mul', [r, r]);
  const rest = e.node('Mul', [e.node('Mul', [r, square]), polynomial(e, square, ARCTAN)]);
  const angle = e.node('Add', [begin, e.node('Add', [r, rest])]);
  // Where x is 0, x itself: it may be -0.
  const signed = e.node('Where', [e.node('Less', [x, float(e, 0)]), e.node('Neg', [angle]), angle]);
  return ['Where', e.node('Equal', [x, float(e, 0)]), x, signed];
};

/** The nodes of `atan` in the middle of another op. */
export const emitAtan = (e: NodeWriter, x: string): string => nodeOf(e, atan(e, x));

const product = (e: NodeWriter, x: string): string =>
  e.node('Mul', [e.node('Sub', [float(e, 1), x]), e.node('Add', [float(e, 1), x])]);

const asin: Chain = (e, x) => atan(e, e.node('Div', [x, e.node('Sqrt', [product(e, x)])]));

/** Twice the angle of sqrt((1 - x) / (1 + x)). */
const acos: Chain = (e, x) => {
  const quotient = e.node('Div', [e.node('Sub', [float(e, 1), x]), e.node('Add', [float(e, 1), x])]);
  return ['Mul', float(e, 2), nodeOf(e, atan(e, e.node('Sqrt', [quotient])))];
};

const chains: Readonly<Record<string, Chain>> = {
  Sigmoid: sigmoid,
  Tanh: tanh,
  Expm1: expm1,
  Elu: elu,
  Selu: selu,
  Softplus: softplus,
  Atan: atan,
  Asin: asin,
  Acos: acos,
};

/**
 * log x for a value of `size` elements, as a vector. The logarithm inside of a reduction is that of the C library, one
 * element at a time; here every sum has one term.
 */
export const emitLog = (e: NodeWriter, x: string, size: number): string =>
  e.node('ReduceLogSum', [reshape(e, x, [1, size]), int64s(e, [0])], { keepdims: 0 });

function log(e: EmitContext, x: string): void {
  const size = sizeOf(e.output(0).shape);
  if (size === 0) e.finish('Log', [x]);
  else finishReshape(e, emitLog(e, x, size));
}

/** log(1 + x) loses x near zero; the quotient puts back what rounding of u = 1 + x took away. */
function log1p(e: EmitContext, x: string): void {
  const size = sizeOf(e.output(0).shape);
  if (size === 0) return e.finish('Log', [x]);
  const flat = reshape(e, x, [size]);
  const one = float(e, 1);
  const u = e.node('Add', [flat, one]);
  const taken = e.node('Sub', [u, one]);
  // Where nothing was taken away, the quotient may be that of two zeros or infinities.
  const isWhole = e.node('Equal', [taken, flat]);
  const correction = e.node('Where', [isWhole, one, e.node('Div', [flat, taken])]);
  const corrected = e.node('Mul', [emitLog(e, u, size), correction]);
  finishReshape(e, e.node('Where', [e.node('Equal', [u, one]), flat, corrected]));
}

export const transcendentalOps: readonly OpDefinition[] = [
  ...Object.entries(chains).map(([name, chain]) => floatOp(name, (e, x) => finishChain(e, x, chain))),
  floatOp('Log', log),
  floatOp('Log1p', log1p),
];
