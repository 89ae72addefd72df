// layerNorm: normalisation over the last axis. The forward leaves mean and reciprocal deviation of each row for the
// backward.
import { invariant, present } from '../../core/invariant.js';
import { numberAttr } from '../ops/attributes.js';
import { defineOp, type NodeWriter, type OpDefinition } from '../ops/definition.js';
import { finishElements } from '../ops/elements.js';
import { finishReshape, reshape, rowSumOperands } from '../ops/emit.js';
import { at, withAt } from '../ops/shapes.js';
import { tileCount } from '../ops/tile.js';
import { sizeOf } from '../shape.js';
import type { GradConfig, Tensor } from '../tf.js';
import { defineGradient, firstOf, runOp } from './gradient.js';

interface Gradients {
  readonly dx: string;
  readonly dgain: string;
  readonly dbias: string;
}

/**
 * With n = (x - mean) r and g = dy gain: dx = r (g - avg(g) - n avg(g n)); dgain = sum dy n; dbias = sum dy, for `rows`
 * rows of dy, x, mean and r. With c = x - mean all averages and sums are products of a matrix and a vector, dy or dy c
 * with gain or r, and few passes over memory remain: avg(g) = dy gain / D, avg(g n) = r (dy c) gain / D, dgain = r' (dy
 * c).
 */
function gradients(
  e: NodeWriter,
  [dy, x, mean, r]: readonly string[],
  gain: string,
  rows: number,
  width: number,
): Gradients {
  const given = { dy: present(dy, 'dy'), x: present(x, 'x'), mean: present(mean, 'mean'), r: present(r, 'r') };
  const column = reshape(e, e.node('Mul', [gain, e.constant('float32', [], [1 / width])]), [width, 1]);
  const c = e.node('Sub', [given.x, given.mean]);
  const terms = e.node('Mul', [given.dy, c]);
  const average = e.node('MatMul', [given.dy, column]);
  const slope = e.node('Mul', [e.node('MatMul', [terms, column]), e.node('Mul', [given.r, given.r])]);
  const centred = e.node('Sub', [e.node('Sub', [e.node('Mul', [given.dy, gain]), average]), e.node('Mul', [c, slope])]);
  return {
    dx: e.node('Mul', [centred, given.r]),
    dgain: reshape(e, e.node('MatMul', [reshape(e, given.r, [1, rows]), terms]), [width]),
    dbias: e.node('MatMul', rowSumOperands(e, given.dy, rows)),
  };
}

export const layerNormOps: readonly OpDefinition[] = [
  defineOp({
    name: 'PtLayerNorm',
    inputs: ['x', 'gain', 'bias'],
    rounds: { operands: [0], results: [0] },
    infer: (inputs) => {
      const { shape } = at(inputs, 0);
      const statistic = { shape: withAt(shape, shape.length - 1, 1), dtype: 'float32' as const };
      return [{ shape, dtype: 'float32' }, statistic, statistic];
    },
    emit: (e) => {
      const epsilon = numberAttr(e.attrs, 'epsilon');
      const { shape } = e.input(0);
      const [names, width] = [e.inputs.map((x) => x.name), at(shape, -1)];
      if (e.hasKernels && sizeOf(shape) > 0)
        finishElements(e, { kind: 'layer norm', rows: sizeOf(shape) / width, width, epsilon }, 1);
      else e.finish('LayerNormalization', names, { axis: -1, epsilon: { float: epsilon } }, '', [0, 1, 2]);
    },
  }),
  defineOp({
    name: 'PtLayerNormGrad',
    inputs: ['dy', 'x', 'gain', 'mean', 'deviation'],
    rounds: { operands: [0, 1], results: [0] },
    infer: (inputs) => [at(inputs, 1), at(inputs, 2), at(inputs, 2)],
    emit: (e) => {
      const { shape } = e.input(1);
      const width = at(shape, -1);
      const rows = sizeOf(shape) / width;
      if (e.hasKernels && sizeOf(shape) > 0) return finishElements(e, { kind: 'layer norm gradient', rows, width }, 2);
      const count = tileCount(rows, width);
      const perRow = [e.input(0), e.input(1), e.input(3), e.input(4)];
      const gain = e.input(2).name;
      if (count === 1) {
        const flat = perRow.map((x) => reshape(e, x.name, [rows, at(x.shape, -1)]));
        const { dx, dgain, dbias } = gradients(e, flat, gain, rows, width);
        [dx, dgain, dbias].forEach((name, i) => finishReshape(e, name, i));
        return;
      }
      const stacked = perRow.map((x) => {
        const stack = [count, rows / count, at(x.shape, -1)];
        return { name: reshape(e, x.name, stack), shape: stack, dtype: x.dtype };
      });
      const [dx, dgains, dbiases] = e.tiled(stacked, (body, slices) => {
        const { dx: tile, dgain, dbias } = gradients(body, slices, gain, rows / count, width);
        return [
          { name: tile, shape: [rows / count, width], dtype: 'float32' },
          { name: dgain, shape: [width], dtype: 'float32' },
          { name: dbias, shape: [width], dtype: 'float32' },
        ];
      }) as [string, string, string];
      finishReshape(e, dx);
      e.finish('MatMul', rowSumOperands(e, dgains, count), {}, '', [1]);
      e.finish('MatMul', rowSumOperands(e, dbiases, count), {}, '', [2]);
    },
  }),
];

const layerNormGradient: GradConfig = {
  kernelName: 'PtLayerNorm',
  inputsToSave: ['x', 'gain'],
  outputsToSave: [false, true, true],
  gradFunc: (dys, saved) => {
    const [x, gain, mean, deviation] = [at(saved, 0), at(saved, 1), at(saved, 2), at(saved, 3)];
    const [dx, dgain, dbias] = runOp('PtLayerNormGrad', { dy: firstOf(dys), x, gain, mean, deviation }) as [
      Tensor,
      Tensor,
      Tensor,
    ];
    return { x: () => dx, gain: () => dgain, bias: () => dbias };
  },
};

/**
 * Normalises `x` [..., D] over its last axis to mean 0 and variance 1, then scales by `gain` [D] and shifts by `bias`
 * [D].
 */
export function layerNorm(x: Tensor, gain: Tensor, bias: Tensor, epsilon = 1e-5): Tensor {
  const size = at(x.shape, -1);
  invariant(
    gain.size === size && bias.size === size,
    () => `layerNorm: x is [${x.shape.join()}], gain has ${gain.size} elements, bias ${bias.size}`,
  );
  defineGradient(layerNormGradient);
  return at(runOp('PtLayerNorm', { x, gain, bias }, { epsilon }), 0);
}
