// Elementwise ops of one tensor, scans and softmax.
import { flagAttr, normalAxis, numberAttr } from '../../ops/attributes.js';
import { withAt } from '../../ops/shapes.js';
import type { Aten, Operator } from '../aten.js';
import { type Call, handleAt, type Kernel, type KernelMaker, type KernelTable } from '../kernel.js';
import type { Handle } from '../tensors.js';

/** An operator on floats; other types are converted first. */
const floatOp =
  (name: string): KernelMaker =>
  (aten, call) => {
    const operator = aten.op(name);
    return (x) => operator(call.floating(x, 0));
  };

/** An operator that keeps the element type. */
const sameType =
  (name: string): KernelMaker =>
  (aten) => {
    const operator = aten.op(name);
    return (x) => operator(handleAt(x, 0));
  };

/** An operator on floats; integers are what they are. */
const rounding =
  (name: string): KernelMaker =>
  (aten, call) => {
    const operator = aten.op(name);
    return (x) => (call.input(0).dtype === 'float32' ? operator(handleAt(x, 0)) : call.numeric(x, 0));
  };

const SELU_SCALE = 1.0507009873554805;
const SELU_ALPHA = 1.6732632423543772;

/**
 * By way of 64-bit floats: PyTorch computes the last elements of a tensor in another way than those before, and an
 * element shall have the same bits wherever it stands. What is left of the difference does not survive the rounding.
 */
export const inDouble = (aten: Aten, operator: Operator, operands: readonly Handle[]): Handle =>
  aten.cast(operator(...operands.map((x) => aten.cast(x, 'float64'))), 'float32');

/** x where it is above 0, elsewhere what `below` makes of it. */
const above = (aten: Aten, x: Handle, below: (x: Handle) => Handle): Handle =>
  aten.op('where.self')(aten.op('gt.Tensor')(x, aten.number(0)), x, below(x));

export const elu = (aten: Aten, x: Handle): Handle => above(aten, x, (y) => aten.op('expm1')(y));

/** x where it is 0 or above, with a slope below. */
export const leakyRelu = (aten: Aten, x: Handle, slope: Handle): Handle =>
  aten.op('where.self')(aten.op('ge.Tensor')(x, aten.number(0)), x, aten.op('mul.Tensor')(x, slope));

/** Limits, either of which may be absent. NaN stays. */
export const clamp = (aten: Aten, x: Handle, low: Handle | null, high: Handle | null): Handle =>
  aten.op('clamp.Tensor')(x, low, high);

/** Sums or products of all elements up to each. */
const scan =
  (name: string, neutral: number): KernelMaker =>
  (aten, call) => {
    const { shape } = call.input(0);
    const axis = normalAxis(numberAttr(call.attrs, 'axis'), shape.length);
    const [isReverse, isExclusive] = [flagAttr(call.attrs, 'reverse'), flagAttr(call.attrs, 'exclusive')];
    const [operator, flip] = [aten.op(name), aten.op('flip')];
    // In pairs from the last axis on: one in front, one less behind.
    const pads = shape.flatMap(() => [0, 0]);
    const place = 2 * (shape.length - 1 - axis);
    const shifted = withAt(withAt(pads, place, 1), place + 1, -1);
    return (inputs) => {
      let x = call.numeric(inputs, 0);
      if (isReverse) x = flip(x, [axis]);
      if (isExclusive) x = aten.op('pad')(x, shifted, 'constant', neutral);
      x = operator(x, axis, call.output(0).dtype);
      return isReverse ? flip(x, [axis]) : x;
    };
  };

function step(aten: Aten, { attrs, input }: Pick<Call, 'attrs' | 'input'>): Kernel {
  const { dtype } = input(0);
  const alpha = attrs['alpha'] === undefined ? 0 : numberAttr(attrs, 'alpha');
  const where = aten.op('where.self');
  const chosen = (x: Handle): Handle =>
    where(aten.op('gt.Tensor')(x, aten.number(0, dtype)), aten.number(1, dtype), aten.number(alpha, dtype));
  if (dtype !== 'float32') return ([x]) => chosen(x as Handle);
  // What is no number stays none.
  return ([x]) => where(aten.op('isnan')(x as Handle), x as Handle, chosen(x as Handle));
}

/** 1 where the test holds; for integers and booleans it is done on floats, which they always are finite as. */
const test = floatOp;

export const unaryKernels: KernelTable = {
  ...Object.fromEntries(
    [
      ...['Exp', 'Log', 'Sqrt', 'Reciprocal', 'Sigmoid', 'Tanh', 'Erf', 'Sin', 'Cos', 'Tan'],
      ...['Asin', 'Acos', 'Atan', 'Asinh', 'Acosh', 'Rsqrt', 'Expm1', 'Log1p'],
    ].map((name) => [name, floatOp(name.toLowerCase())]),
  ),
  ...Object.fromEntries(
    // Of 32-bit floats, sinh and cosh are infinite too early in some versions.
    ['Sinh', 'Cosh', 'Atanh'].map((name): [string, KernelMaker] => [
      name,
      (aten, call) => (x) => inDouble(aten, aten.op(name.toLowerCase()), [call.floating(x, 0)]),
    ]),
  ),
  // max(x, 0) + log(1 + exp(-|x|)).
  Softplus: (aten, call) => (inputs) => {
    const x = call.floating(inputs, 0);
    const small = aten.op('exp')(aten.op('neg')(aten.op('abs')(x)));
    return aten.add(aten.op('relu')(x), aten.op('log1p')(small));
  },
  Elu: (aten, call) => (x) => elu(aten, call.floating(x, 0)),
  Selu: (aten, call) => (inputs) => {
    const x = call.floating(inputs, 0);
    const mul = aten.op('mul.Tensor');
    const below = mul(aten.op('expm1')(x), aten.number(SELU_SCALE * SELU_ALPHA));
    return aten.op('where.self')(aten.op('gt.Tensor')(x, aten.number(0)), mul(x, aten.number(SELU_SCALE)), below);
  },
  EluGrad: (aten) => (x) =>
    aten.op('mul.Tensor')(handleAt(x, 0), aten.add(clamp(aten, handleAt(x, 1), null, aten.number(0)), aten.number(1))),
  Neg: sameType('neg'),
  Abs: sameType('abs'),
  Sign: sameType('sign'),
  Square: (aten) => (x) => aten.op('mul.Tensor')(handleAt(x, 0), handleAt(x, 0)),
  Floor: rounding('floor'),
  Ceil: rounding('ceil'),
  Round: rounding('round'),
  Relu: (aten, call) => (x) => aten.op('relu')(call.numeric(x, 0)),
  Relu6: (aten, call) => (x) => {
    const { dtype } = call.output(0);
    return clamp(aten, call.numeric(x, 0), aten.number(0, dtype), aten.number(6, dtype));
  },
  LeakyRelu: (aten, call) => (x) => leakyRelu(aten, call.floating(x, 0), aten.number(numberAttr(call.attrs, 'alpha'))),
  Step: (aten, call) => step(aten, { attrs: call.attrs, input: (i) => call.input(i) }),
  ClipByValue: (aten, call) => (x) => {
    const limit = (name: string): Handle => aten.number(numberAttr(call.attrs, name), call.input(0).dtype);
    return clamp(aten, handleAt(x, 0), limit('clipValueMin'), limit('clipValueMax'));
  },
  IsNan: test('isnan'),
  IsInf: test('isinf'),
  IsFinite: test('isfinite'),
  Cumsum: scan('cumsum', 0),
  Cumprod: scan('cumprod', 1),
  Softmax: (aten, call) => (x) => aten.op('_softmax')(handleAt(x, 0), numberAttr(call.attrs, 'dim'), false),
  LogSoftmax: (aten, call) => (x) => aten.op('_log_softmax')(handleAt(x, 0), numberAttr(call.attrs, 'axis'), false),
};
