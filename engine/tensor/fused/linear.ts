// linear: x W + b over the last axis, as one Gemm on the flattened rows. The gradients are Gemms that read their operands transposed.
import { invariant } from '../../core/invariant.js';
import { sizeOf, type Shape } from '../shape.js';
import { matMul, reshape, sum, type GradConfig, type Tensor } from '../tf.js';
import { finishReshape, reshape as emitReshape } from '../ops/emit.js';
import { at } from '../ops/shapes.js';
import { defineOp, type OpDefinition } from '../ops/definition.js';
import { defineGradient, firstOf, runOne } from './gradient.js';

const rowsOf = (shape: Shape): number => sizeOf(shape.slice(0, -1));

export const linearOps: readonly OpDefinition[] = [
  defineOp({
    name: 'PtLinear',
    inputs: ['x', 'w', 'b?'],
    infer: (inputs) => [{ shape: [...at(inputs, 0).shape.slice(0, -1), at(at(inputs, 1).shape, 1)], dtype: 'float32' }],
    emit: (e) => {
      const [x, ...weights] = [e.input(0), ...e.inputs.slice(1).map((w) => w.name)];
      if (x.shape.length === 2) return e.finish('Gemm', [x.name, ...weights]);
      const rows = emitReshape(e, x.name, [rowsOf(x.shape), at(x.shape, -1)]);
      finishReshape(e, e.node('Gemm', [rows, ...weights]));
    },
  }),
];

const flat = (x: Tensor): Tensor => reshape(x, [rowsOf(x.shape), at(x.shape, -1)]);

const linearGradient: GradConfig = {
  kernelName: 'PtLinear',
  inputsToSave: ['x', 'w'],
  gradFunc: (dys, saved) => {
    const [x, w] = [at(saved, 0), at(saved, 1)];
    const dy = flat(firstOf(dys));
    return {
      x: () => reshape(matMul(dy, w, false, true), x.shape),
      w: () => matMul(flat(x), dy, true, false),
      b: () => sum(dy, 0),
    };
  },
};

/**
 * `x` [..., I] times `w` [I, O], plus `b` [O] where given: [..., O]. Rows are independent of each other; their bits depend on the number
 * of rows only.
 */
export function linear(x: Tensor, w: Tensor, b?: Tensor): Tensor {
  invariant(w.rank === 2 && at(x.shape, -1) === w.shape[0], () => `linear: x is [${x.shape.join()}], w is [${w.shape.join()}]`);
  defineGradient(linearGradient);
  return runOne('PtLinear', b === undefined ? { x, w } : { x, w, b });
}
