// Gradients of what is taken over axes: extremes, products, and sums and products so far.
import type { GradConfig, NamedAttrMap, Tensor } from '#tfjs';
import * as tfjs from '#tfjs';
import { present } from '../../core/invariant.js';
import { sizeOf } from '../shape.js';
import { flag, ofOne, zeroGradient } from './broadcasting.js';

/** What the attribute names, from 0. */
const axesOf = (attr: unknown, shape: number[]): number[] =>
  tfjs.util.parseAxisParam((attr ?? null) as number[], shape);

/** With axes of length 1 where some were taken away. */
const kept = (y: Tensor, shape: readonly number[], axes: readonly number[]): Tensor =>
  tfjs.reshape(
    y,
    shape.map((n, axis) => (axes.includes(axis) ? 1 : n)),
  );

/** Of several that are the largest, or the smallest, each has an equal share. */
const extreme = (kernelName: string, axisName: string): GradConfig => ({
  kernelName,
  inputsToSave: ['x'],
  outputsToSave: [true],
  gradFunc: (dy, saved, attrs) => {
    const [x, y] = saved as unknown as readonly [Tensor, Tensor];
    return {
      x: () => {
        const axes = axesOf(attrs[axisName], x.shape);
        const isExtreme = flag(tfjs.equal(x, kept(y, x.shape, axes)));
        return tfjs.mul(tfjs.div(kept(dy as Tensor, x.shape, axes), tfjs.sum(isExtreme, axes, true)), isExtreme);
      },
    };
  },
});

/** The product of all others, without a division: that of those before times that of those behind. */
function productOfOthers(x: Tensor, axes: readonly number[]): Tensor {
  const permutation = [...x.shape.keys()].filter((axis) => !axes.includes(axis)).concat(axes);
  const last = tfjs.transpose(x, permutation);
  const rows = tfjs.reshape(last, [-1, sizeOf(axes.map((axis) => present(x.shape[axis], 'a size')))]);
  const others = tfjs.mul(tfjs.cumprod(rows, 1, true, false), tfjs.cumprod(rows, 1, true, true));
  return tfjs.transpose(
    tfjs.reshape(others, last.shape),
    permutation.map((_, axis) => permutation.indexOf(axis)),
  );
}

interface Order {
  readonly axis: number;
  readonly exclusive: boolean;
  readonly reverse: boolean;
}

const orderOf = (attrs: NamedAttrMap, x: Tensor): Order => ({
  axis: present(axesOf([attrs['axis']], x.shape)[0], 'an axis'),
  exclusive: attrs['exclusive'] === true,
  reverse: attrs['reverse'] === true,
});

/**
 * Every element is a factor of its own product and of those behind it, so its slope in their sum is that sum divided by
 * it. Up to the first zero, that is; at the first zero it is the sum of the products without it; behind it, 0.
 */
function throughProducts(dy: Tensor, x: Tensor, { axis, exclusive, reverse }: Order): Tensor {
  const behind = (products: Tensor): Tensor => tfjs.cumsum(tfjs.mul(dy, products), axis, exclusive, !reverse);
  const isZero = flag(tfjs.equal(x, 0));
  const zerosSoFar = tfjs.cumsum(isZero, axis, false, reverse);
  const one = tfjs.onesLike(x);
  const isFirst = tfjs.logicalAnd(tfjs.equal(isZero, 1), tfjs.equal(zerosSoFar, 1));
  const without = tfjs.cumprod(tfjs.where(isFirst, one, x), axis, exclusive, reverse);
  const before = tfjs.div(
    behind(tfjs.cumprod(x, axis, exclusive, reverse)),
    tfjs.where(tfjs.greater(isZero, 0), one, x),
  );
  const none = tfjs.zerosLike(x);
  return tfjs.where(isFirst, behind(without), tfjs.where(tfjs.greater(zerosSoFar, 0), none, before));
}

const topK: GradConfig = {
  kernelName: tfjs.TopK,
  inputsToSave: ['x'],
  outputsToSave: [false, true],
  gradFunc: (dys, saved) => {
    const [x, indices] = saved as unknown as readonly [Tensor, Tensor];
    const dy = present((dys as Tensor[])[0], 'the gradient of the values');
    return {
      x: () => {
        const [n, k] = [present(x.shape.at(-1), 'a size'), present(indices.shape.at(-1), 'a size')];
        const rows = x.size / n;
        const begins = tfjs.reshape(tfjs.mul(tfjs.range(0, rows, 1, 'int32'), tfjs.scalar(n, 'int32')), [rows, 1]);
        const places = tfjs.reshape(tfjs.add(tfjs.reshape(indices, [rows, k]), begins), [rows * k, 1]);
        return tfjs.reshape(tfjs.scatterND(places, tfjs.reshape(dy, [rows * k]), [x.size]), x.shape);
      },
    };
  },
};

export const reductionGradients: readonly GradConfig[] = [
  zeroGradient(tfjs.All, ['x']),
  zeroGradient(tfjs.Any, ['x']),
  extreme(tfjs.Max, 'reductionIndices'),
  extreme(tfjs.Min, 'axis'),
  ofOne(tfjs.Prod, (dy, x, attrs) => {
    const axes = axesOf(attrs['axis'], x.shape);
    return tfjs.mul(kept(dy, x.shape, axes), productOfOthers(x, axes));
  }),
  ofOne(tfjs.Cumsum, (dy, x, attrs) => {
    const { axis, exclusive, reverse } = orderOf(attrs, x);
    return tfjs.cumsum(dy, axis, exclusive, !reverse);
  }),
  ofOne(tfjs.Cumprod, (dy, x, attrs) => throughProducts(dy, x, orderOf(attrs, x))),
  topK,
];
