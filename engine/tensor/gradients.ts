// Gradients that TensorFlow.js lacks or has only for equal shapes, so that models written in its ordinary ops can be
// differentiated: zeros for comparisons, sums over broadcast axes, equations of indices, and tensors taken apart into a
// single part.
import type { GradConfig, Tensor } from '#tfjs';
import * as tfjs from '#tfjs';
import { present } from '../core/invariant.js';

type Pair = readonly [Tensor, Tensor];

/** Sums a gradient over the axes along which its operand was broadcast. */
function reduced(gradient: Tensor, shape: readonly number[]): Tensor {
  const axes = tfjs.broadcast_util.getReductionAxes([...shape], gradient.shape);
  return tfjs.reshape(axes.length === 0 ? gradient : tfjs.sum(gradient, axes), [...shape]);
}

/** A gradient of an elementwise op: `slopes` gives the local slope in either operand. */
const elementwise = (
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
    const inShared = (): Tensor =>
      transB ? tfjs.matMul(flat(dy), flat(a), true) : tfjs.matMul(flat(a), flat(dy), true);
    return {
      a: () => reduced(inA(), a.shape),
      b: () => (b.rank === 2 && a.rank > 2 && !transA ? inShared() : reduced(inB(), b.shape)),
    };
  },
};

/**
 * What the equation sends into one operand: the output's gradient times the other operand, summed over the axes this
 * one lacks.
 */
function intoOperand(dy: Tensor, operands: readonly Tensor[], equation: string, i: number): Tensor {
  const [left = '', output = ''] = equation.replace(/\s/g, '').split('->');
  const terms = left.split(',');
  const [own, x] = [present(terms[i], 'a term'), present(operands[i], 'an operand')];
  const [otherTerm, other] = [terms[1 - i], operands[1 - i]];
  const known = [...own].filter((label) => output.includes(label) || otherTerm?.includes(label) === true).join('');
  const gradient =
    other === undefined
      ? tfjs.einsum(`${output}->${known}`, dy)
      : tfjs.einsum(`${output},${otherTerm}->${known}`, dy, other);
  if (known === own) return gradient;
  // An axis that this operand alone has was summed away: every element along it has the same slope.
  const thin = [...own].map((label, axis) => (known.includes(label) ? present(x.shape[axis], 'a size') : 1));
  return tfjs.broadcastTo(tfjs.reshape(gradient, thin), x.shape);
}

const einsum: GradConfig = {
  kernelName: tfjs.Einsum,
  saveAllInputs: true,
  gradFunc: (dy, saved, attrs) => {
    const { equation } = attrs as { equation: string };
    return Object.fromEntries(saved.map((_, i) => [String(i), () => intoOperand(dy as Tensor, saved, equation, i)]));
  },
};

/**
 * An op of several results passes on a list of gradients; where there is one result, the autodiff passes on that one
 * alone.
 */
const list = (dy: Tensor | Tensor[]): Tensor[] => (Array.isArray(dy) ? dy : [dy]);

const unpack: GradConfig = {
  kernelName: tfjs.Unpack,
  gradFunc: (dy, _, attrs) => ({ value: () => tfjs.stack(list(dy), Number(attrs['axis'])) }),
};

const split: GradConfig = {
  kernelName: tfjs.SplitV,
  gradFunc: (dy, _, attrs) => ({ x: () => tfjs.concat(list(dy), Number(attrs['axis'])) }),
};

/** Tells the autodiff of TensorFlow.js. Safe to call again. */
export function registerGradients(): void {
  const comparisons = [
    tfjs.Equal,
    tfjs.NotEqual,
    tfjs.Greater,
    tfjs.GreaterEqual,
    tfjs.Less,
    tfjs.LessEqual,
    tfjs.LogicalAnd,
    tfjs.LogicalOr,
  ];
  const configs = [
    ...comparisons.map((name) => zeroGradient(name, ['a', 'b'])),
    zeroGradient(tfjs.LogicalNot, ['x']),
    elementwise(tfjs.Maximum, (a, b) => [() => flag(tfjs.greaterEqual(a, b)), () => flag(tfjs.less(a, b))]),
    elementwise(tfjs.Minimum, (a, b) => [() => flag(tfjs.lessEqual(a, b)), () => flag(tfjs.greater(a, b))]),
    elementwise(tfjs.SquaredDifference, (a, b) => [
      () => tfjs.mul(tfjs.sub(a, b), 2),
      () => tfjs.mul(tfjs.sub(b, a), 2),
    ]),
    batchMatMul,
    einsum,
    unpack,
    split,
  ];
  for (const config of configs) tfjs.registerGradient(config);
}
