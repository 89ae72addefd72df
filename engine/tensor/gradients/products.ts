// Gradients of products: of matrices with broadcasting batch axes, and of equations of indices.
import type { GradConfig, Tensor } from '#tfjs';
import * as tfjs from '#tfjs';
import { present } from '../../core/invariant.js';
import { type Pair, reduced } from './broadcasting.js';

const flat = (x: Tensor): Tensor => tfjs.reshape(x, [-1, present(x.shape.at(-1), 'the last axis')]);

export const batchMatMul: GradConfig = {
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

export const einsum: GradConfig = {
  kernelName: tfjs.Einsum,
  saveAllInputs: true,
  gradFunc: (dy, saved, attrs) => {
    const { equation } = attrs as { equation: string };
    return Object.fromEntries(saved.map((_, i) => [String(i), () => intoOperand(dy as Tensor, saved, equation, i)]));
  },
};
