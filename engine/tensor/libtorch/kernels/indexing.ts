// Ops that read and write by index. The indices have been looked at before (see index-checks.ts).
import { numberAttr } from '../../ops/attributes.js';
import { axisOfGather } from '../../ops/gather.js';
import { at } from '../../ops/shapes.js';
import { type Shape, sizeOf } from '../../shape.js';
import type { Aten } from '../aten.js';
import { type Call, handleAt, type Kernel, type KernelMaker, type KernelTable } from '../kernel.js';
import type { Handle } from '../tensors.js';

const gather: KernelMaker = (aten, call) => {
  const { shape } = call.input(0);
  const indices = call.input(1).shape;
  const output = call.output(0).shape;
  const axis = axisOfGather(call.input(0), call.attrs);
  const given = call.attrs['batchDims'] === undefined ? 0 : numberAttr(call.attrs, 'batchDims');
  const batchDims = given < 0 ? given + indices.length : given;
  if (batchDims === 0)
    return (x) => {
      const places = aten.reshape(handleAt(x, 1), [sizeOf(indices)]);
      return aten.reshape(aten.op('index_select')(handleAt(x, 0), axis, places), output);
    };
  const batch = sizeOf(shape.slice(0, batchDims));
  const before = sizeOf(shape.slice(batchDims, axis));
  const after = sizeOf(shape.slice(axis + 1));
  const count = sizeOf(indices.slice(batchDims));
  return (x) => {
    const places = aten.reshape(aten.cast(handleAt(x, 1), 'int64'), [batch, 1, count, 1]);
    const all = aten.op('expand')(places, [batch, before, count, after], false);
    const table = aten.reshape(handleAt(x, 0), [batch, before, at(shape, axis), after]);
    return aten.reshape(aten.op('gather')(table, 2, all, false), output);
  };
};

interface Rows {
  readonly rows: number;
  readonly width: number;
  readonly count: number;
  /** The row of each path, int64. */
  readonly rowsOf: (paths: Handle) => Handle;
}

/** Paths into the first axes of `shape` as rows of a matrix. */
function rowsOfPaths(aten: Aten, call: Call, indices: Shape, shape: Shape): Rows {
  const depth = indices.length > 1 ? at(indices, -1) : 1;
  const count = sizeOf(indices) / Math.max(depth, 1);
  const steps = Array.from({ length: depth }, (_, i) => sizeOf(shape.slice(i + 1, depth)));
  const factors = call.constant(() => aten.tensors.of(steps, [depth], 'int64'));
  return {
    rows: sizeOf(shape.slice(0, depth)),
    width: sizeOf(shape.slice(depth)),
    count,
    rowsOf: (paths) => {
      const wide = aten.reshape(aten.cast(paths, 'int64'), [count, depth]);
      return aten.op('sum.dim_IntList')(aten.op('mul.Tensor')(wide, factors), [1], false, 'int64');
    },
  };
}

/** Adds or writes rows at places of a matrix. */
const put = (aten: Aten, into: Handle, places: Handle, values: Handle, isSum: boolean): Handle =>
  aten.op('index_put')(into, [places], values, isSum);

const zeros = (aten: Aten, shape: Shape, dtype: Call['inputs'][number]['dtype']): Handle =>
  aten.op('expand')(aten.number(0, dtype), shape, false);

function segmentSum(aten: Aten, call: Call): Kernel {
  const rows = numberAttr(call.attrs, 'numSegments');
  const count = sizeOf(call.input(1).shape);
  const width = sizeOf(call.input(0).shape) / Math.max(count, 1);
  const [where, isAnd] = [aten.op('where.self'), aten.op('logical_and')];
  return (x) => {
    const ids = handleAt(x, 1);
    const spare = aten.number(rows, 'int32');
    const isInside = isAnd(aten.op('ge.Tensor')(ids, aten.number(0, 'int32')), aten.op('lt.Tensor')(ids, spare));
    // What belongs to no segment goes to a spare one, which is cut off.
    const places = aten.reshape(aten.cast(where(isInside, ids, spare), 'int64'), [count]);
    const values = aten.reshape(call.floating(x, 0), [count, width]);
    const sums = put(aten, zeros(aten, [rows + 1, width], 'float32'), places, values, true);
    return aten.reshape(aten.op('slice.Tensor')(sums, 0, 0, rows, 1), call.output(0).shape);
  };
}

/** Hot where the index is the place along a new last axis; nowhere for an index outside of it. */
const oneHot: KernelMaker = (aten, call) => {
  const depth = numberAttr(call.attrs, 'depth');
  const { shape } = call.input(0);
  const { dtype } = call.output(0);
  const numbers = Array.from({ length: depth }, (_, i) => i);
  const places = call.constant(() => aten.tensors.of(numbers, [depth], 'int32'));
  return (x) => {
    const isHot = aten.op('eq.Tensor')(aten.reshape(handleAt(x, 0), [...shape, 1]), places);
    if (dtype === 'bool') return isHot;
    const value = (name: string): Handle => aten.number(numberAttr(call.attrs, name), dtype);
    return aten.op('where.self')(isHot, value('onValue'), value('offValue'));
  };
};

export const indexingKernels: KernelTable = {
  GatherV2: gather,
  GatherNd: (aten, call) => {
    const [params, indices] = [call.input(0).shape, call.input(1).shape];
    const { shape } = call.output(0);
    if (at(indices, -1) === 0) return (x) => aten.op('expand')(handleAt(x, 0), shape, false);
    // A list of indices is one path here, not a list of paths.
    const paths = indices.length > 1 ? indices : [1, ...indices];
    const { rows, width, rowsOf } = rowsOfPaths(aten, call, paths, params);
    return (x) =>
      aten.reshape(
        aten.op('index_select')(aten.reshape(handleAt(x, 0), [rows, width]), 0, rowsOf(handleAt(x, 1))),
        shape,
      );
  },
  UnsortedSegmentSum: segmentSum,
  OneHot: oneHot,
  ScatterNd: (aten, call) => {
    const { shape, dtype } = call.output(0);
    const { rows, width, count, rowsOf } = rowsOfPaths(aten, call, call.input(0).shape, shape);
    return (x) => {
      const values = aten.reshape(call.numeric(x, 1), [count, width]);
      return aten.reshape(put(aten, zeros(aten, [rows, width], dtype), rowsOf(handleAt(x, 0)), values, true), shape);
    };
  },
  TensorScatterUpdate: (aten, call) => {
    const { shape } = call.output(0);
    const { rows, width, count, rowsOf } = rowsOfPaths(aten, call, call.input(1).shape, shape);
    return (x) => {
      const [into, values] = [
        aten.reshape(handleAt(x, 0), [rows, width]),
        aten.reshape(handleAt(x, 2), [count, width]),
      ];
      return aten.reshape(put(aten, into, rowsOf(handleAt(x, 1)), values, false), shape);
    };
  },
  Diag: (aten, call) => {
    const size = sizeOf(call.input(0).shape);
    return (x) =>
      aten.reshape(aten.op('diag_embed')(aten.reshape(handleAt(x, 0), [size]), 0, -2, -1), call.output(0).shape);
  },
};
