// Ops that take pieces of tensors or put pieces together.
import { axesAttr, normalAxis, numberAttr } from '../../ops/attributes.js';
import { at } from '../../ops/shapes.js';
import { paddings, pieceOf, splitSizes, stridedInfo } from '../../ops/slices.js';
import { handleAt, type KernelMaker, type KernelTable } from '../kernel.js';
import type { Handle } from '../tensors.js';

const stridedSlice: KernelMaker = (aten, call) => {
  const { shape } = call.input(0);
  const { begin, end, strides } = stridedInfo(call.input(0), call.attrs);
  const [slice, flip] = [aten.op('slice.Tensor'), aten.op('flip')];
  const along = (x: Handle, axis: number): Handle => {
    const [from, to, step, n] = [at(begin, axis), at(end, axis), at(strides, axis), at(shape, axis)];
    if (step > 0) return slice(x, axis, from, Math.max(from, to), step);
    // Backwards is forwards in what is turned around.
    const first = n - 1 - from;
    return slice(flip(x, [axis]), axis, first, Math.max(first, n - 1 - to), -step);
  };
  return (x) => aten.reshape(shape.map((_, axis) => axis).reduce(along, handleAt(x, 0)), call.output(0).shape);
};

const padded: KernelMaker = (aten, call) => {
  // From the last axis on.
  const pads = paddings(call.attrs).toReversed().flat();
  const value = call.attrs['constantValue'] === undefined ? 0 : numberAttr(call.attrs, 'constantValue');
  const isBool = call.input(0).dtype === 'bool';
  return (x) => {
    const y = aten.op('pad')(call.numeric(x, 0), pads, 'constant', value);
    return isBool ? aten.cast(y, 'bool') : y;
  };
};

export const sliceKernels: KernelTable = {
  Slice: (aten, call) => {
    const { begin, size } = pieceOf(call.input(0), call.attrs);
    const { shape } = call.input(0);
    const slice = aten.op('slice.Tensor');
    return (x) =>
      size.reduce(
        (y, n, axis) => (n === shape[axis] ? y : slice(y, axis, at(begin, axis), at(begin, axis) + n, 1)),
        handleAt(x, 0),
      );
  },
  StridedSlice: stridedSlice,
  Reverse: (aten, call) => (x) =>
    aten.op('flip')(handleAt(x, 0), axesAttr(call.attrs, 'dims', call.input(0).shape.length)),
  Concat: (aten, call) => {
    const axis = normalAxis(numberAttr(call.attrs, 'axis'), call.output(0).shape.length);
    return (inputs) => aten.op('cat')(inputs, axis);
  },
  Pack: (aten, call) => {
    const axis = normalAxis(numberAttr(call.attrs, 'axis'), call.output(0).shape.length);
    return (inputs) => aten.op('stack')(inputs, axis);
  },
  Unpack: (aten, call) => {
    const axis = normalAxis(numberAttr(call.attrs, 'axis'), call.input(0).shape.length);
    return (x) => call.outputs.map((_, i) => aten.op('select.int')(handleAt(x, 0), axis, i));
  },
  SplitV: (aten, call) => {
    const { axis, sizes } = splitSizes(call.input(0), call.attrs);
    return (x) => {
      let begin = 0;
      return sizes.map((size) => aten.op('slice.Tensor')(handleAt(x, 0), axis, begin, (begin += size), 1));
    };
  },
  PadV2: padded,
};
