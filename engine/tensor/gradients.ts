// Gradients that TensorFlow.js lacks or has only for equal shapes, so that models written in its ordinary ops can be differentiated: zeros
// for comparisons, and sums over broadcast axes.
import * as tfjs from '#tfjs';
import type { GradConfig, Tensor } from '#tfjs';
import { present } from '../core/invariant.js';

type Pair = readonly [Tensor, Tensor];

/** Sums a gradient over the axes along which its operand was broadcast. */
function reduced(gradient: Tensor, shape: readonly number[]): Tensor {
  const axes = tfjs.broadcast_util.getReductionAxes([...shape], gradient.shape);
  return tfjs.reshape(axes.length === 0 ? gradient : tfjs.sum(gradient, axes), [...shape]);
}

/** A gradient of an elementwise op: `slopes` gives the local slope in either operand. */
const elementwise = (kernelName: string, slopes: (a: Tensor, b: Tensor) => readonly [() => Tensor, () => Tensor]): GradConfig => ({
  kernelName,
  inputsToSave: ['a', 'b'],
  gradFunc: (dy, saved) => {
    const [a, b] = saved as unknown as Pair;
    const [inA, inB] = slopes(a, b);
    return { a: () => reduced(tfjs.mul(dy as Tensor, inA()), a.shape), b: () => reduced(tfjs.mul(dy as Tensor, inB()), b.shape) };
  },
});

/** Steps have slope zero where they have one. */
const zeroGradient = (kernelName: string, names: readonly string[]): GradConfig => ({
  kernelName,
  inputsToSave: [...names],
  gradFunc: (_, saved) =>
    Object.fromEntries(names.map((name, i) => [name, () => tfjs.zeros(present(saved[i], name).shape)])),
});

const flag = (x: Tensor): Tensor => tfjs.cast(x, 'float32');
const flat = (x: Tensor): Tensor => tfjs.reshape(x, [-1, present(x.shape.at(-1), 'the last axis')]);

const batchMatMul: GradConfig = {
  kernelName: tfjs.BatchMatMul,
  inputsToSave: ['a', 'b'],
  gradFunc: (dys, saved, attrs) => {
    const dy = dys as Tensor;
    const [a, b] = saved as unknown as Pair;
    const [transA, transB] = [attrs['transposeA'] === true, attrs['transposeB'] === true];
    const inA = (): Tensor => (transA ? tfjs.matMul(b, dy, transB, true) : tfjs.matMul(dy, b, false, !transB));
    const inB = (): Tensor => (transB ? tfjs.matMul(dy, a, true, transA) : tfjs.matMul(a, dy, !transA, false));
    // One matrix for the whole batch: a single product over all rows instead of one product per sample and their sum.
    const inShared = (): Tensor => (transB ? tfjs.matMul(flat(dy), flat(a), true) : tfjs.matMul(flat(a), flat(dy), true));
    return { a: () => reduced(inA(), a.shape), b: () => (b.rank === 2 && a.rank > 2 && !transA ? inShared() : reduced(inB(), b.shape)) };
  },
};

/** Tells the autodiff of TensorFlow.js. Safe to call again. */
export function registerGradients(): void {
  const comparisons = [tfjs.Equal, tfjs.NotEqual, tfjs.Greater, tfjs.GreaterEqual, tfjs.Less, tfjs.LessEqual, tfjs.LogicalAnd, tfjs.LogicalOr];
  const configs = [
    ...comparisons.map((name) => zeroGradient(name, ['a', 'b'])),
    zeroGradient(tfjs.LogicalNot, ['x']),
    elementwise(tfjs.Maximum, (a, b) => [() => flag(tfjs.greaterEqual(a, b)), () => flag(tfjs.less(a, b))]),
    elementwise(tfjs.Minimum, (a, b) => [() => flag(tfjs.lessEqual(a, b)), () => flag(tfjs.greater(a, b))]),
    elementwise(tfjs.SquaredDifference, (a, b) => [() => tfjs.mul(tfjs.sub(a, b), 2), () => tfjs.mul(tfjs.sub(b, a), 2)]),
    batchMatMul,
  ];
  for (const config of configs) tfjs.registerGradient(config);
}
