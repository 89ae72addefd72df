// Gradients of elementwise ops that TensorFlow.js lacks, has for equal shapes alone, or has wrong where a slope jumps
// or does not exist. Where there are several slopes to choose from, the choice is PyTorch's.
import type { GradConfig, Tensor } from '#tfjs';
import * as tfjs from '#tfjs';
import { elementwise, flag, ofOne, type Pair, reduced, zeroGradient } from './broadcasting.js';

/** Of two that are equal, each has half. */
const share = (is: (a: Tensor, b: Tensor) => Tensor, a: Tensor, b: Tensor): Tensor =>
  tfjs.add(flag(is(a, b)), tfjs.mul(flag(tfjs.equal(a, b)), 0.5));

const pow: GradConfig = {
  kernelName: tfjs.Pow,
  inputsToSave: ['a', 'b'],
  outputsToSave: [true],
  gradFunc: (dys, saved) => {
    const dy = dys as Tensor;
    const [a, b, y] = saved as unknown as readonly [Tensor, Tensor, Tensor];
    const floats = tfjs.cast(b, 'float32');
    // The slope of x^0 is 0 also where x is; 0 times infinity would be no number.
    const inBase = (): Tensor => {
      const slope = tfjs.mul(floats, tfjs.pow(a, tfjs.sub(floats, 1)));
      return tfjs.where(tfjs.equal(floats, 0), tfjs.zerosLike(slope), slope);
    };
    // Only for positive bases: the others are powers of whole numbers, or 0.
    const inExponent = (): Tensor => {
      const slope = tfjs.mul(y, tfjs.log(a));
      return tfjs.where(tfjs.greater(a, 0), slope, tfjs.zerosLike(slope));
    };
    return {
      a: () => reduced(tfjs.mul(dy, inBase()), a.shape),
      b: () => reduced(tfjs.mul(dy, inExponent()), b.shape),
    };
  },
};

const atan2: GradConfig = {
  kernelName: tfjs.Atan2,
  inputsToSave: ['a', 'b'],
  gradFunc: (dys, saved) => {
    const dy = dys as Tensor;
    const [a, b] = saved as unknown as Pair;
    // The angle of (0, 0) has no slope; 0 is in the middle of those around it.
    const over = (numerator: Tensor): Tensor => {
      const square = tfjs.add(tfjs.square(a), tfjs.square(b));
      const isZero = tfjs.equal(square, 0);
      const quotient = tfjs.div(numerator, tfjs.where(isZero, tfjs.onesLike(square), square));
      return tfjs.mul(dy, tfjs.where(isZero, tfjs.zerosLike(quotient), quotient));
    };
    return { a: () => reduced(over(b), a.shape), b: () => reduced(over(tfjs.neg(a)), b.shape) };
  },
};

export const elementwiseGradients: readonly GradConfig[] = [
  ...[
    tfjs.Equal,
    tfjs.NotEqual,
    tfjs.Greater,
    tfjs.GreaterEqual,
    tfjs.Less,
    tfjs.LessEqual,
    tfjs.LogicalAnd,
    tfjs.LogicalOr,
    'LogicalXor',
    // TensorFlow.js gives it the slope of a quotient that is not rounded.
    tfjs.FloorDiv,
  ].map((name) => zeroGradient(name, ['a', 'b'])),
  zeroGradient(tfjs.LogicalNot, ['x']),
  elementwise(tfjs.Maximum, (a, b) => [() => share(tfjs.greater, a, b), () => share(tfjs.less, a, b)]),
  elementwise(tfjs.Minimum, (a, b) => [() => share(tfjs.less, a, b), () => share(tfjs.greater, a, b)]),
  elementwise(tfjs.SquaredDifference, (a, b) => [() => tfjs.mul(tfjs.sub(a, b), 2), () => tfjs.mul(tfjs.sub(b, a), 2)]),
  pow,
  atan2,
  ofOne(tfjs.Abs, (dy, x) => tfjs.mul(dy, tfjs.sign(tfjs.cast(x, 'float32')))),
  ofOne(tfjs.Relu6, (dy, x) => tfjs.mul(dy, flag(tfjs.logicalAnd(tfjs.greater(x, 0), tfjs.less(x, 6))))),
  // A float that becomes a whole number, or true or false, moves in steps.
  ofOne(tfjs.Cast, (dy, x, attrs) =>
    x.dtype === 'float32' && attrs['dtype'] !== 'float32' ? tfjs.zeros(x.shape) : tfjs.clone(dy),
  ),
];
