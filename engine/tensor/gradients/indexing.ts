// Gradients of ops that read or write by index, or take tensors apart.
import type { GradConfig, NamedAttrMap, Tensor } from '#tfjs';
import * as tfjs from '#tfjs';
import { present } from '../../core/invariant.js';
import { sizeOf } from '../shape.js';
import { flag, noGradient, ofOne } from './broadcasting.js';

type Triple = readonly [Tensor, Tensor, Tensor];

/**
 * An op of several results passes on a list of gradients; where there is one result, the autodiff passes on that one
 * alone.
 */
const list = (dy: Tensor | Tensor[]): Tensor[] => (Array.isArray(dy) ? dy : [dy]);

/** Rows are added up where they were read from; those of every part of a batch in a range of their own. */
function intoTable(dy: Tensor, x: Tensor, indices: Tensor, attrs: NamedAttrMap): Tensor {
  const batchDims = Number(attrs['batchDims'] ?? 0);
  const axis = present(tfjs.util.parseAxisParam(Number(attrs['axis']), x.shape)[0], 'an axis');
  const [b, o] = [sizeOf(x.shape.slice(0, batchDims)), sizeOf(x.shape.slice(batchDims, axis))];
  const [n, i] = [present(x.shape[axis], 'a size'), sizeOf(x.shape.slice(axis + 1))];
  const m = indices.size / b;
  const begins = tfjs.reshape(tfjs.mul(tfjs.range(0, b, 1, 'int32'), tfjs.scalar(n, 'int32')), [b, 1]);
  const rows = tfjs.reshape(tfjs.add(tfjs.reshape(indices, [b, m]), begins), [b * m]);
  const values = tfjs.reshape(tfjs.transpose(tfjs.reshape(dy, [b, o, m, i]), [0, 2, 1, 3]), [b * m, o * i]);
  const sums = tfjs.reshape(tfjs.unsortedSegmentSum(values, rows as tfjs.Tensor1D, b * n), [b, n, o, i]);
  return tfjs.reshape(tfjs.transpose(sums, [0, 2, 1, 3]), x.shape);
}

const gather: GradConfig = {
  kernelName: tfjs.GatherV2,
  inputsToSave: ['x', 'indices'],
  gradFunc: (dy, saved, attrs) => {
    const [x, indices] = saved as unknown as readonly [Tensor, Tensor];
    return { x: () => intoTable(dy as Tensor, x, indices, attrs), indices: noGradient(indices) };
  },
};

const gatherNd: GradConfig = {
  kernelName: tfjs.GatherNd,
  inputsToSave: ['params', 'indices'],
  gradFunc: (dy, saved) => {
    const [params, indices] = saved as unknown as readonly [Tensor, Tensor];
    return {
      params: () => tfjs.scatterND(indices, dy as Tensor, params.shape),
      indices: noGradient(indices),
    };
  },
};

const scatterNd: GradConfig = {
  kernelName: tfjs.ScatterNd,
  inputsToSave: ['indices', 'updates'],
  gradFunc: (dy, saved) => {
    const [indices, updates] = saved as unknown as readonly [Tensor, Tensor];
    return {
      indices: noGradient(indices),
      updates: () => tfjs.reshape(tfjs.gatherND(dy as Tensor, pathsOf(indices)), updates.shape),
    };
  },
};

/** A list of numbers is a list of paths of one. */
const pathsOf = (indices: Tensor): Tensor => (indices.rank === 1 ? tfjs.expandDims(indices, 1) : indices);

const tensorScatterUpdate: GradConfig = {
  kernelName: tfjs.TensorScatterUpdate,
  inputsToSave: ['tensor', 'indices', 'updates'],
  gradFunc: (dy, saved) => {
    const [, indices, updates] = saved as unknown as Triple;
    return {
      tensor: () => tfjs.tensorScatterUpdate(dy as Tensor, indices, tfjs.zerosLike(updates)),
      indices: noGradient(indices),
      updates: () => tfjs.reshape(tfjs.gatherND(dy as Tensor, pathsOf(indices)), updates.shape),
    };
  },
};

/** Reads the numbers of the places as the op reads the values, and puts the gradients there. */
function intoSteps(dy: Tensor, x: Tensor, attrs: NamedAttrMap): Tensor {
  const a = attrs as unknown as { begin: number[]; end: number[]; strides: number[] } & Record<string, number>;
  const places = tfjs.stridedSlice(
    tfjs.reshape(tfjs.range(0, x.size, 1, 'int32'), x.shape),
    a.begin,
    a.end,
    a.strides,
    a['beginMask'],
    a['endMask'],
    a['ellipsisMask'],
    a['newAxisMask'],
    a['shrinkAxisMask'],
  );
  return tfjs.reshape(
    tfjs.scatterND(tfjs.reshape(places, [dy.size, 1]), tfjs.reshape(dy, [dy.size]), [x.size]),
    x.shape,
  );
}

/** Sums the copies along one axis after the other, for any rank. */
function intoTile(dy: Tensor, x: Tensor, attrs: NamedAttrMap): Tensor {
  const reps = attrs['reps'] as unknown as number[];
  let sum = dy;
  for (const [axis, n] of x.shape.entries()) {
    const times = present(reps[axis], 'a number of copies');
    if (times === 1) continue;
    const [before, behind] = [sum.shape.slice(0, axis), sum.shape.slice(axis + 1)];
    const copies = tfjs.reshape(sum, [sizeOf(before), times, n * sizeOf(behind)]);
    sum = tfjs.reshape(tfjs.sum(copies, 1), [...before, n, ...behind]);
  }
  return tfjs.reshape(sum, x.shape);
}

const unsortedSegmentSum: GradConfig = {
  kernelName: tfjs.UnsortedSegmentSum,
  inputsToSave: ['segmentIds'],
  gradFunc: (dys, saved) => {
    const [dy, ids] = [dys as Tensor, present(saved[0], 'segment ids')];
    return {
      x: () => {
        // Rows with an id outside of the segments went nowhere.
        const isInside = tfjs.logicalAnd(
          tfjs.greaterEqual(ids, tfjs.scalar(0, 'int32')),
          tfjs.less(ids, tfjs.scalar(present(dy.shape[0], 'a size'), 'int32')),
        );
        const rows = tfjs.gather(dy, tfjs.where(isInside, ids, tfjs.zerosLike(ids)));
        const thin = [...ids.shape, ...new Array<number>(rows.rank - ids.rank).fill(1)];
        return tfjs.mul(rows, tfjs.reshape(flag(isInside), thin));
      },
      segmentIds: noGradient(ids),
    };
  },
};

export const indexingGradients: readonly GradConfig[] = [
  gather,
  gatherNd,
  scatterNd,
  tensorScatterUpdate,
  unsortedSegmentSum,
  ofOne(tfjs.StridedSlice, intoSteps),
  ofOne(tfjs.Tile, intoTile),
  ofOne(tfjs.Diag, (dy, x) => {
    const places = tfjs.range(0, x.size, 1, 'int32');
    const isDiagonal = flag(tfjs.equal(tfjs.expandDims(places, 1), places));
    return tfjs.reshape(tfjs.sum(tfjs.mul(tfjs.reshape(dy, [x.size, x.size]), isDiagonal), 1), x.shape);
  }),
  {
    kernelName: tfjs.Unpack,
    gradFunc: (dy, _, attrs) => ({ value: () => tfjs.stack(list(dy), Number(attrs['axis'])) }),
  },
  {
    kernelName: tfjs.SplitV,
    gradFunc: (dy, _, attrs) => ({ x: () => tfjs.concat(list(dy), Number(attrs['axis'])) }),
  },
];
