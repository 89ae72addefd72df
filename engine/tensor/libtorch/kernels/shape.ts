// Ops that change shape or element type, and ops that make tensors of attributes alone.
import { numbersAttr } from '../../ops/attributes.js';
import { rangeValues, spacedValues } from '../../ops/creation.js';
import { at } from '../../ops/shapes.js';
import type { Aten } from '../aten.js';
import { type Call, handleAt, type Kernel, type KernelMaker, type KernelTable } from '../kernel.js';
import { stridesOf } from '../tensors.js';

const reshaped: KernelMaker = (aten, call) => {
  const reshape = aten.reshaper(call.output(0).shape);
  return (x) => reshape(handleAt(x, 0));
};

/** One number, seen in a shape. */
function filled(aten: Aten, call: Call, value: number): Kernel {
  const { shape, dtype } = call.output(0);
  const constant = call.constant(() => aten.op('expand')(aten.number(value, dtype), shape, false));
  return () => constant;
}

/** Numbers that the attributes tell. */
function listed(aten: Aten, call: Call, values: readonly number[]): Kernel {
  const { shape, dtype } = call.output(0);
  const constant = call.constant(() => aten.tensors.of(values, shape, dtype));
  return () => constant;
}

export const shapeKernels: KernelTable = {
  Identity: () => (x) => handleAt(x, 0),
  Cast: (aten, call) => {
    const [from, to] = [call.input(0).dtype, call.output(0).dtype];
    return (x) =>
      to === 'bool' ? aten.op('ne.Tensor')(handleAt(x, 0), aten.number(0, from)) : aten.cast(handleAt(x, 0), to);
  },
  Reshape: reshaped,
  ExpandDims: reshaped,
  Transpose: (aten, call) => {
    const axes = numbersAttr(call.attrs, 'perm');
    const steps = stridesOf(call.input(0).shape);
    const view = aten.viewer(
      call.output(0).shape,
      axes.map((axis) => at(steps, axis)),
    );
    const permute = aten.byLayout(view, (x) => aten.op('permute')(x, axes));
    return (x) => permute(handleAt(x, 0));
  },
  BroadcastTo: (aten, call) => (x) => aten.op('expand')(handleAt(x, 0), call.output(0).shape, false),
  Tile: (aten, call) => (x) => aten.op('repeat')(handleAt(x, 0), numbersAttr(call.attrs, 'reps')),
  Fill: (aten, call) => filled(aten, call, Number(call.attrs['value'])),
  ZerosLike: (aten, call) => filled(aten, call, 0),
  OnesLike: (aten, call) => filled(aten, call, 1),
  Range: (aten, call) => listed(aten, call, rangeValues(call.attrs)),
  LinSpace: (aten, call) => listed(aten, call, spacedValues(call.attrs)),
};
