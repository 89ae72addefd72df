// linear: x W + b over the last axis, as one Gemm on the flattened rows. The gradients are Gemms that read their
// operands transposed.
import { invariant } from '../../core/invariant.js';
import { defineOp, type OpDefinition } from '../ops/definition.js';
import { rowSumOperands } from '../ops/emit.js';
import { finishColumn, finishProduct, isColumn } from '../ops/matmul.js';
import { at } from '../ops/shapes.js';
import { type GradConfig, matMul, reshape, type Tensor } from '../tf.js';
import { defineGradient, firstOf, runOne } from './gradient.js';

export const linearOps: readonly OpDefinition[] = [
  defineOp({
    name: 'PtLinear',
    inputs: ['x', 'w', 'b?'],
    rounds: { operands: [0, 1], results: [0] },
    infer: (inputs) => [{ shape: [at(at(inputs, 0).shape, 0), at(at(inputs, 1).shape, 1)], dtype: 'float32' }],
    emit: (e) => {
      const names = e.inputs.map(({ name }) => name);
      const [rows, columns] = e.output(0).shape as [number, number];
      const inner = at(e.input(0).shape, 1);
      if (!e.hasKernels || rows * columns * inner === 0) {
        if (isColumn(e)) finishColumn(e, false, names.slice(2));
        else e.finish('Gemm', names);
      } else
        finishProduct(
          e,
          { rows, columns, inner, transA: false, transB: false, hasBias: names.length === 3 },
          e.inputs.slice(2).map(({ name }) => name),
        );
    },
  }),
  defineOp({
    name: 'PtRowSum',
    inputs: ['x'],
    infer: (inputs) => [{ shape: at(inputs, 0).shape.slice(1), dtype: 'float32' }],
    emit: (e) => e.finish('MatMul', rowSumOperands(e, e.input(0).name, at(e.input(0).shape, 0))),
  }),
];

const linearGradient: GradConfig = {
  kernelName: 'PtLinear',
  inputsToSave: ['x', 'w'],
  gradFunc: (dys, saved) => {
    const dy = firstOf(dys);
    const [x, w] = [at(saved, 0), at(saved, 1)];
    return {
      x: () => matMul(dy, w, false, true),
      w: () => matMul(x, dy, true, false),
      b: () => runOne('PtRowSum', { x: dy }),
    };
  },
};

/**
 * `x` [..., I] times `w` [I, O], plus `b` [O] where given: [..., O]. Rows are independent of each other; their bits
 * depend on the number of rows only.
 */
export function linear(x: Tensor, w: Tensor, b?: Tensor): Tensor {
  invariant(
    w.rank === 2 && at(x.shape, -1) === w.shape[0],
    () => `linear: x is [${x.shape.join()}], w is [${w.shape.join()}]`,
  );
  defineGradient(linearGradient);
  // The reshapes are calls of their own, so that what is saved for the backward is the product itself and no copy of it
  // in another shape.
  const rows = reshape(x, [-1, at(x.shape, -1)]);
  const y = runOne('PtLinear', b === undefined ? { x: rows, w } : { x: rows, w, b });
  return reshape(y, [...x.shape.slice(0, -1), at(w.shape, 1)]);
}
