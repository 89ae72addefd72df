// Gradients of ops of two tensors that broadcast: a gradient is summed over the axes along which its operand was
// repeated.
import type { GradConfig, NamedAttrMap, Tensor } from '#tfjs';
import * as tfjs from '#tfjs';
import { present } from '../../core/invariant.js';

export type Pair = readonly [Tensor, Tensor];

/** Sums a gradient over the axes along which its operand was broadcast. */
export function reduced(gradient: Tensor, shape: readonly number[]): Tensor {
  const axes = tfjs.broadcast_util.getReductionAxes([...shape], gradient.shape);
  return tfjs.reshape(axes.length === 0 ? gradient : tfjs.sum(gradient, axes), [...shape]);
}

/** A gradient of an elementwise op: `slopes` gives the local slope in either operand. */
export const elementwise = (
  kernelName: string,
  slopes: (a: Tensor, b: Tensor) => readonly [() => Tensor, () => Tensor],
): GradConfig => ({
  kernelName,
  inputsToSave: ['a', 'b'],
  gradFunc: (dy, saved) => {
    const [a, b] = saved as unknown as Pair;
    const [inA, inB] = slopes(a, b);
    return {
      a: () => reduced(tfjs.mul(dy as Tensor, inA()), a.shape),
      b: () => reduced(tfjs.mul(dy as Tensor, inB()), b.shape),
    };
  },
});

/** A gradient of an op of one tensor: `inX` gets the gradient of the result, the tensor, and the attributes. */
export const ofOne = (
  kernelName: string,
  inX: (dy: Tensor, x: Tensor, attrs: NamedAttrMap) => Tensor,
  name = 'x',
): GradConfig => ({
  kernelName,
  inputsToSave: [name],
  gradFunc: (dy, [x], attrs) => ({ [name]: () => inX(dy as Tensor, present(x, name), attrs) }),
});

/** Steps, and what is counted in whole numbers, have slope zero where they have one. */
export const zeroGradient = (kernelName: string, names: readonly string[]): GradConfig => ({
  kernelName,
  inputsToSave: [...names],
  gradFunc: (_, saved) =>
    Object.fromEntries(names.map((name, i) => [name, () => tfjs.zeros(present(saved[i], name).shape)])),
});

/** The gradient of indices, which no path to a loss may ask for and autodiff does. */
export const noGradient = (indices: Tensor) => (): Tensor => tfjs.zeros(indices.shape);

/** Where a condition holds as 1, elsewhere 0. */
export const flag = (x: Tensor): Tensor => tfjs.cast(x, 'float32');
