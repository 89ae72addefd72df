// Reductions over axes, and orders.
import { axesAttr, flagAttr, normalAxis, numberAttr } from '../../ops/attributes.js';
import type { Shape } from '../../shape.js';
import type { Aten } from '../aten.js';
import { type Call, handleAt, type KernelMaker, type KernelTable } from '../kernel.js';
import type { Handle } from '../tensors.js';

interface Reduction {
  /** Reduces over at least one axis. */
  readonly reduce: (aten: Aten, x: Handle, axes: Shape, keepDims: boolean, call: Call) => Handle;
  readonly axisName?: string;
  /** What it reduces: floats, or whatever has arithmetic, or anything. */
  readonly operand?: 'floating' | 'numeric' | 'any';
}

const reduction =
  ({ reduce, axisName = 'axis', operand = 'numeric' }: Reduction): KernelMaker =>
  (aten, call) => {
    const axes = axesAttr(call.attrs, axisName, call.input(0).shape.length);
    const keepDims = flagAttr(call.attrs, 'keepDims');
    return (inputs) => {
      const x = operand === 'any' ? handleAt(inputs, 0) : call[operand](inputs, 0);
      return axes.length === 0 ? x : reduce(aten, x, axes, keepDims, call);
    };
  };

/** What is no number is never the largest or smallest. */
const argument =
  (name: string, least: number): KernelMaker =>
  (aten, call) => {
    const axis = normalAxis(numberAttr(call.attrs, 'axis'), call.input(0).shape.length);
    const isFloats = call.input(0).dtype === 'float32';
    return (inputs) => {
      const x = call.numeric(inputs, 0);
      const numbers = isFloats ? aten.op('where.self')(aten.op('isnan')(x), aten.number(least), x) : x;
      return aten.cast(aten.op(name)(numbers, axis, false), 'int32');
    };
  };

export const reduceKernels: KernelTable = {
  Sum: reduction({
    reduce: (aten, x, axes, keepDims, call) => aten.op('sum.dim_IntList')(x, axes, keepDims, call.output(0).dtype),
  }),
  Mean: reduction({
    operand: 'floating',
    reduce: (aten, x, axes, keepDims) => aten.op('mean.dim')(x, axes, keepDims, null),
  }),
  Max: reduction({
    axisName: 'reductionIndices',
    reduce: (aten, x, axes, keepDims) => aten.op('amax')(x, axes, keepDims),
  }),
  Min: reduction({ reduce: (aten, x, axes, keepDims) => aten.op('amin')(x, axes, keepDims) }),
  Prod: reduction({
    // One axis after the other, the last one first: the places of the others stay.
    reduce: (aten, x, axes, keepDims, call) =>
      axes.toReversed().reduce((y, axis) => aten.op('prod.dim_int')(y, axis, keepDims, call.output(0).dtype), x),
  }),
  All: reduction({ operand: 'any', reduce: (aten, x, axes, keepDims) => aten.op('all.dims')(x, axes, keepDims) }),
  Any: reduction({ operand: 'any', reduce: (aten, x, axes, keepDims) => aten.op('any.dims')(x, axes, keepDims) }),
  ArgMax: argument('argmax', -Infinity),
  ArgMin: argument('argmin', Infinity),
  // Equal numbers in the order of their places: PyTorch's own topk promises none.
  TopK: (aten, call) => {
    const k = numberAttr(call.attrs, 'k');
    const [sort, slice] = [aten.ops('sort.stable'), aten.op('slice.Tensor')];
    return (inputs) => {
      const [values, indices] = sort(call.numeric(inputs, 0), true, -1, true) as [Handle, Handle];
      return [slice(values, -1, 0, k, 1), aten.cast(slice(indices, -1, 0, k, 1), 'int32')];
    };
  },
};
