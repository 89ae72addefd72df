// layerNorm: normalisation over the last axis. The forward leaves mean and reciprocal deviation of each row for the backward.
import { invariant, present } from '../../core/invariant.js';
import { sizeOf } from '../shape.js';
import { numberAttr } from '../ops/attributes.js';
import { finishReshape, int64s, reshape, rowSumOperands } from '../ops/emit.js';
import { at, withAt } from '../ops/shapes.js';
import { defineOp, type NodeWriter, type OpDefinition } from '../ops/definition.js';
import { tileCount } from '../ops/tile.js';
import type { GradConfig, Tensor } from '../tf.js';
import { defineGradient, firstOf, runOp } from './gradient.js';

/**
 * With n = (x - mean) r and g = dy gain: dx = r (g - avg(g) - n avg(g n)); dgain = sum dy n; dbias = sum dy. Returns the two factors of dx
 * and the terms of dgain, for rows of dy, x, mean and r.
 */
function gradients(e: NodeWriter, [dy, x, mean, r]: readonly string[], gain: string): [string, string, string] {
  const rows = { dy: present(dy, 'dy'), x: present(x, 'x'), mean: present(mean, 'mean'), r: present(r, 'r') };
  const average = (value: string): string => e.node('ReduceMean', [value, int64s(e, [-1])], { keepdims: 1 });
  const n = e.node('Mul', [e.node('Sub', [rows.x, rows.mean]), rows.r]);
  const g = e.node('Mul', [rows.dy, gain]);
  const along = e.node('Mul', [n, average(e.node('Mul', [g, n]))]);
  const centred = e.node('Sub', [e.node('Sub', [g, average(g)]), along]);
  return [centred, rows.r, e.node('Mul', [rows.dy, n])];
}

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
  defineOp({
    name: 'PtLayerNormGrad',
    inputs: ['dy', 'x', 'gain', 'mean', 'deviation'],
    infer: (inputs) => [at(inputs, 1), at(inputs, 2), at(inputs, 2)],
    emit: (e) => {
      const gain = e.input(2);
      const perRow = [e.input(0), e.input(1), e.input(3), e.input(4)];
      const width = at(e.input(1).shape, -1);
      const rows = sizeOf(e.input(1).shape) / width;
      const count = tileCount(rows, width);
      const sums = (dyRows: string, gains: string, n: number): void => {
        e.finish('MatMul', rowSumOperands(e, gains, n), {}, '', [1]);
        e.finish('MatMul', rowSumOperands(e, dyRows, n), {}, '', [2]);
      };
      if (count === 1) {
        const [centred, r, gains] = gradients(e, perRow.map(({ name }) => name), gain.name);
        e.finish('Mul', [centred, r]);
        return sums(reshape(e, e.input(0).name, [rows, width]), reshape(e, gains, [rows, width]), rows);
      }
      const tile = [rows / count, width];
      const stacked = perRow.map(({ name, dtype, shape }) => {
        const stack = [count, rows / count, at(shape, -1)];
        return { name: reshape(e, name, stack), shape: stack, dtype };
      });
      const [dx, dgain, dbias] = e.tiled(stacked, (body, slices) => {
        const [centred, r, gains] = gradients(body, slices, gain.name);
        const sum = (value: string): string => body.node('MatMul', rowSumOperands(body, value, rows / count));
        return [
          { name: body.node('Mul', [centred, r]), shape: tile, dtype: 'float32' },
          { name: sum(gains), shape: [width], dtype: 'float32' },
          { name: sum(at(slices, 0)), shape: [width], dtype: 'float32' },
        ];
      }) as [string, string, string];
      finishReshape(e, dx);
      sums(dbias, dgain, count);
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
