// Ops that take pieces of tensors or put pieces together.
import { invariant } from '../../core/invariant.js';
import type { Attrs } from '../graph.js';
import type { Shape } from '../shape.js';
import { slice_util } from '../tf.js';
import { axesAttr, normalAxis, numberAttr, numbersAttr } from './attributes.js';
import { defineOp, type OpDefinition, type TensorSpec } from './definition.js';
import { finishReshape, int64s, reshape, scalar } from './emit.js';
import { at, sameShape, withAt } from './shapes.js';

interface Piece {
  readonly begin: Shape;
  readonly size: Shape;
}

/** Missing and negative sizes mean: to the end. */
export function pieceOf({ shape }: TensorSpec, attrs: Attrs): Piece {
  const begins = numbersAttr(attrs, 'begin');
  const sizes = attrs['size'] === undefined || attrs['size'] === null ? [] : numbersAttr(attrs, 'size');
  const begin = shape.map((_, i) => begins[i] ?? 0);
  const size = shape.map((n, i) => ((sizes[i] ?? -1) < 0 ? n - at(begin, i) : at(sizes, i)));
  invariant(
    begin.every((n) => n >= 0),
    () => `slice() does not support negative begin indexing. It begins at [${begin.join()}]`,
  );
  shape.forEach((n, i) =>
    invariant(
      at(begin, i) + at(size, i) <= n,
      () => `slice [${begin.join()}] + [${size.join()}] leaves the shape [${shape.join()}]`,
    ),
  );
  return { begin, size };
}

/** An end of -1 with a negative step means "before the first element", which ONNX would read as the last one. */
const onnxEnd = (end: number, step: number, n: number): number => (step < 0 && end < 0 ? -n - 1 : end);

export function splitSizes({ shape }: TensorSpec, attrs: Attrs): { axis: number; sizes: Shape } {
  const axis = normalAxis(numberAttr(attrs, 'axis'), shape.length);
  const n = at(shape, axis);
  const wanted = attrs['numOrSizeSplits'];
  if (typeof wanted === 'number') {
    invariant(n % wanted === 0, () => `axis ${axis} of size ${n} does not split into ${wanted} equal parts`);
    return { axis, sizes: Array.from({ length: wanted }, () => n / wanted) };
  }
  const given = numbersAttr(attrs, 'numOrSizeSplits');
  const known = given.reduce((sum, size) => sum + Math.max(size, 0), 0);
  const sizes = given.map((size) => (size < 0 ? n - known : size));
  invariant(
    sizes.reduce((sum, size) => sum + size, 0) === n,
    () => `axis ${axis} of size ${n} does not split into [${given.join()}]`,
  );
  return { axis, sizes };
}

export const stridedInfo = ({ shape }: TensorSpec, attrs: Attrs): ReturnType<typeof slice_util.sliceInfo> => {
  const mask = (name: string): number => (attrs[name] === undefined ? 0 : numberAttr(attrs, name));
  const list = (name: string): number[] => [...numbersAttr(attrs, name)];
  return slice_util.sliceInfo(
    [...shape],
    list('begin'),
    list('end'),
    list('strides'),
    mask('beginMask'),
    mask('endMask'),
    mask('ellipsisMask'),
    mask('newAxisMask'),
    mask('shrinkAxisMask'),
  );
};

export const paddings = (attrs: Attrs): readonly (readonly [number, number])[] =>
  attrs['paddings'] as readonly (readonly [number, number])[];

export const sliceOps: readonly OpDefinition[] = [
  defineOp({
    name: 'Slice',
    inputs: ['x'],
    infer: (inputs, attrs) => [{ shape: pieceOf(at(inputs, 0), attrs).size, dtype: at(inputs, 0).dtype }],
    emit: (e) => {
      const { begin, size } = pieceOf(e.input(0), e.attrs);
      e.finish('Slice', [
        e.input(0).name,
        int64s(e, begin),
        int64s(
          e,
          begin.map((n, i) => n + at(size, i)),
        ),
      ]);
    },
  }),
  defineOp({
    name: 'StridedSlice',
    inputs: ['x'],
    infer: (inputs, attrs) => [{ shape: stridedInfo(at(inputs, 0), attrs).finalShape, dtype: at(inputs, 0).dtype }],
    emit: (e) => {
      const { shape, name } = e.input(0);
      const { begin, end, strides } = stridedInfo(e.input(0), e.attrs);
      const ends = end.map((stop, i) => onnxEnd(stop, at(strides, i), at(shape, i)));
      const axes = shape.map((_, i) => i);
      finishReshape(e, e.node('Slice', [name, int64s(e, begin), int64s(e, ends), int64s(e, axes), int64s(e, strides)]));
    },
  }),
  defineOp({
    name: 'Reverse',
    inputs: ['x'],
    infer: (inputs) => [at(inputs, 0)],
    emit: (e) => {
      const { shape, name } = e.input(0);
      const axes = axesAttr(e.attrs, 'dims', shape.length);
      const all = (value: number): string =>
        int64s(
          e,
          axes.map(() => value),
        );
      e.finish('Slice', [
        name,
        all(-1),
        int64s(
          e,
          axes.map((axis) => -at(shape, axis) - 1),
        ),
        int64s(e, axes),
        all(-1),
      ]);
    },
  }),
  defineOp({
    name: 'Concat',
    inputs: 'list',
    infer: (inputs, attrs) => {
      const { shape, dtype } = at(inputs, 0);
      const axis = normalAxis(numberAttr(attrs, 'axis'), shape.length);
      for (const x of inputs)
        invariant(
          sameShape(withAt(x.shape, axis, 0), withAt(shape, axis, 0)),
          () => `concat of [${shape.join()}] and [${x.shape.join()}] along axis ${axis}`,
        );
      return [
        {
          shape: withAt(
            shape,
            axis,
            inputs.reduce((sum, x) => sum + at(x.shape, axis), 0),
          ),
          dtype,
        },
      ];
    },
    emit: (e) =>
      e.finish(
        'Concat',
        e.inputs.map((x) => x.name),
        { axis: normalAxis(numberAttr(e.attrs, 'axis'), e.output(0).shape.length) },
      ),
  }),
  defineOp({
    name: 'Pack',
    inputs: 'list',
    infer: (inputs, attrs) => {
      const { shape, dtype } = at(inputs, 0);
      const axis = normalAxis(numberAttr(attrs, 'axis'), shape.length + 1);
      for (const x of inputs)
        invariant(sameShape(x.shape, shape), () => `stack of [${shape.join()}] and [${x.shape.join()}]`);
      return [{ shape: [...shape.slice(0, axis), inputs.length, ...shape.slice(axis)], dtype }];
    },
    emit: (e) => {
      const axis = normalAxis(numberAttr(e.attrs, 'axis'), e.output(0).shape.length);
      const slab = withAt(e.output(0).shape, axis, 1);
      e.finish(
        'Concat',
        e.inputs.map((x) => reshape(e, x.name, slab)),
        { axis },
      );
    },
  }),
  defineOp({
    name: 'Unpack',
    inputs: ['value'],
    isList: true,
    infer: (inputs, attrs) => {
      const { shape, dtype } = at(inputs, 0);
      const axis = normalAxis(numberAttr(attrs, 'axis'), shape.length);
      return Array.from({ length: at(shape, axis) }, () => ({ shape: shape.filter((_, i) => i !== axis), dtype }));
    },
    emit: (e) => {
      const { shape, name } = e.input(0);
      const axis = normalAxis(numberAttr(e.attrs, 'axis'), shape.length);
      e.outputs.forEach((_, i) =>
        finishReshape(e, e.node('Slice', [name, int64s(e, [i]), int64s(e, [i + 1]), int64s(e, [axis])]), i),
      );
    },
  }),
  defineOp({
    name: 'SplitV',
    inputs: ['x'],
    isList: true,
    infer: (inputs, attrs) => {
      const { axis, sizes } = splitSizes(at(inputs, 0), attrs);
      return sizes.map((size) => ({ shape: withAt(at(inputs, 0).shape, axis, size), dtype: at(inputs, 0).dtype }));
    },
    emit: (e) => {
      const { axis, sizes } = splitSizes(e.input(0), e.attrs);
      // One slice per part and not one Split: a part that nobody reads then costs nothing.
      sizes.forEach((size, i) => {
        const begin = sizes.slice(0, i).reduce((sum, n) => sum + n, 0);
        e.finish('Slice', [e.input(0).name, int64s(e, [begin]), int64s(e, [begin + size]), int64s(e, [axis])], {}, '', [
          i,
        ]);
      });
    },
  }),
  defineOp({
    name: 'PadV2',
    inputs: ['x'],
    infer: (inputs, attrs) => {
      const { shape, dtype } = at(inputs, 0);
      const pads = paddings(attrs);
      return [{ shape: shape.map((n, i) => n + at(at(pads, i), 0) + at(at(pads, i), 1)), dtype }];
    },
    emit: (e) => {
      const pads = paddings(e.attrs);
      const value = e.attrs['constantValue'] === undefined ? 0 : numberAttr(e.attrs, 'constantValue');
      const amounts = int64s(e, [...pads.map((pad) => pad[0]), ...pads.map((pad) => pad[1])]);
      e.finish('Pad', [e.input(0).name, amounts, scalar(e, e.input(0).dtype, value)]);
    },
  }),
];
