// layerNorm: normalisation over the last axis. The forward leaves mean and reciprocal deviation of each row for the backward.
import { invariant } from '../../core/invariant.js';
import { numberAttr } from '../ops/attributes.js';
import { int64s } from '../ops/emit.js';
import { at, withAt } from '../ops/shapes.js';
import { defineOp, type OpDefinition } from '../ops/definition.js';
import type { GradConfig, Tensor } from '../tf.js';
import { defineGradient, firstOf, runOp } from './gradient.js';

export const layerNormOps: readonly OpDefinition[] = [
  defineOp({
    name: 'PtLayerNorm',
    inputs: ['x', 'gain', 'bias'],
    infer: (inputs) => {
      const { shape } = at(inputs, 0);
      const statistic = { shape: withAt(shape, shape.length - 1, 1), dtype: 'float32' as const };
      return [{ shape, dtype: 'float32' }, statistic, statistic];
    },
    emit: (e) => {
      const epsilon = { float: numberAttr(e.attrs, 'epsilon') };
      e.finish('LayerNormalization', e.inputs.map((x) => x.name), { axis: -1, epsilon }, '', [0, 1, 2]);
    },
  }),
  // With n = (x - mean) r and g = dy gain: dx = r (g - avg(g) - n avg(g n)); dgain = sum dy n; dbias = sum dy.
  defineOp({
    name: 'PtLayerNormGrad',
    inputs: ['dy', 'x', 'gain', 'mean', 'deviation'],
    infer: (inputs) => [at(inputs, 1), at(inputs, 2), at(inputs, 2)],
    emit: (e) => {
      const [dy, x, gain, mean, r] = [0, 1, 2, 3, 4].map((i) => e.input(i).name) as [string, string, string, string, string];
      const { shape } = e.input(1);
      const last = int64s(e, [-1]);
      const rows = int64s(e, shape.slice(0, -1).map((_, i) => i));
      const average = (value: string): string => e.node('ReduceMean', [value, last], { keepdims: 1 });
      const n = e.node('Mul', [e.node('Sub', [x, mean]), r]);
      const g = e.node('Mul', [dy, gain]);
      const along = e.node('Mul', [n, average(e.node('Mul', [g, n]))]);
      const centred = e.node('Sub', [e.node('Sub', [g, average(g)]), along]);
      e.finish('Mul', [centred, r], {}, '', [0]);
      e.finish('ReduceSum', [e.node('Mul', [dy, n]), rows], { keepdims: 0 }, '', [1]);
      e.finish('ReduceSum', [dy, rows], { keepdims: 0 }, '', [2]);
    },
  }),
];

const layerNormGradient: GradConfig = {
  kernelName: 'PtLayerNorm',
  inputsToSave: ['x', 'gain'],
  outputsToSave: [false, true, true],
  gradFunc: (dys, saved) => {
    const [x, gain, mean, deviation] = [at(saved, 0), at(saved, 1), at(saved, 2), at(saved, 3)];
    const [dx, dgain, dbias] = runOp('PtLayerNormGrad', { dy: firstOf(dys), x, gain, mean, deviation }) as [Tensor, Tensor, Tensor];
    return { x: () => dx, gain: () => dgain, bias: () => dbias };
  },
};

/** Normalises `x` [..., D] over its last axis to mean 0 and variance 1, then scales by `gain` [D] and shifts by `bias` [D]. */
export function layerNorm(x: Tensor, gain: Tensor, bias: Tensor, epsilon = 1e-5): Tensor {
  const size = at(x.shape, -1);
  invariant(gain.size === size && bias.size === size, () => `layerNorm: x is [${x.shape.join()}], gain has ${gain.size} elements, bias ${bias.size}`);
  defineGradient(layerNormGradient);
  return at(runOp('PtLayerNorm', { x, gain, bias }, { epsilon }), 0);
}
