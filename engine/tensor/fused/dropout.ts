// dropout: zeroes elements by given noise. It draws no numbers itself, so that a run can be repeated.
import { numberAttr } from '../ops/attributes.js';
import { defineOp, type OpDefinition } from '../ops/definition.js';
import { scalar } from '../ops/emit.js';
import { at, likeFirst } from '../ops/shapes.js';
import { type GradConfig, type Tensor, zerosLike } from '../tf.js';
import { defineGradient, firstOf, runOne } from './gradient.js';

export const dropoutOps: readonly OpDefinition[] = [
  defineOp({
    name: 'PtDropout',
    inputs: ['x', 'noise'],
    rounds: { operands: [0], results: [0] },
    infer: likeFirst,
    emit: (e) => {
      const rate = numberAttr(e.attrs, 'rate');
      const isKept = e.node('GreaterOrEqual', [e.input(1).name, scalar(e, 'float32', rate)]);
      const factor = e.node('Where', [isKept, scalar(e, 'float32', 1 / (1 - rate)), scalar(e, 'float32', 0)]);
      e.finish('Mul', [e.input(0).name, factor]);
    },
  }),
];

const dropoutGradient: GradConfig = {
  kernelName: 'PtDropout',
  inputsToSave: ['noise'],
  gradFunc: (dys, saved, attrs) => {
    const noise = at(saved, 0);
    return { x: () => runOne('PtDropout', { x: firstOf(dys), noise }, attrs), noise: () => zerosLike(noise) };
  },
};

/**
 * Inverted dropout: elements whose `noise` (uniform in [0, 1), shape of `x`) is below `rate` become 0, the rest is
 * scaled by 1 / (1 - rate).
 */
export function dropout(x: Tensor, noise: Tensor, rate: number): Tensor {
  defineGradient(dropoutGradient);
  return runOne('PtDropout', { x, noise }, { rate });
}
