// Ops that change the shape or the element type and leave the values alone.
import type { Attrs } from '../graph.js';
import { type Shape, sizeOf } from '../shape.js';
import { dtypeAttr, normalAxis, numberAttr, numbersAttr } from './attributes.js';
import { defineOp, type OpDefinition, type TensorSpec } from './definition.js';
import { castAttributes, finishReshape, int64s } from './emit.js';
import { at, resolveShape, sameShape } from './shapes.js';

const reshapedTo = (x: TensorSpec, attrs: Attrs): Shape => resolveShape(numbersAttr(attrs, 'shape'), sizeOf(x.shape));

function expandedShape({ shape }: TensorSpec, attrs: Attrs): Shape {
  const dim = numberAttr(attrs, 'dim');
  const axis = normalAxis(dim, shape.length + 1);
  return [...shape.slice(0, axis), 1, ...shape.slice(axis)];
}

export const shapeOps: readonly OpDefinition[] = [
  defineOp({
    name: 'Identity',
    inputs: ['x'],
    infer: (inputs) => [at(inputs, 0)],
    emit: (e) => e.finish('Identity', [e.input(0).name]),
    simplify: () => ({ alias: 0 }),
  }),
  defineOp({
    name: 'Cast',
    inputs: ['x'],
    infer: (inputs, attrs) => [{ shape: at(inputs, 0).shape, dtype: dtypeAttr(attrs, 'dtype') }],
    emit: (e) => e.finish('Cast', [e.input(0).name], castAttributes(e.output(0).dtype)),
    simplify: (inputs, attrs) => (at(inputs, 0).dtype === dtypeAttr(attrs, 'dtype') ? { alias: 0 } : null),
  }),
  defineOp({
    name: 'Reshape',
    inputs: ['x'],
    infer: (inputs, attrs) => [{ shape: reshapedTo(at(inputs, 0), attrs), dtype: at(inputs, 0).dtype }],
    emit: (e) => finishReshape(e, e.input(0).name),
    simplify: (inputs, attrs) =>
      sameShape(reshapedTo(at(inputs, 0), attrs), at(inputs, 0).shape) ? { alias: 0 } : null,
  }),
  defineOp({
    name: 'ExpandDims',
    inputs: ['input'],
    infer: (inputs, attrs) => [{ shape: expandedShape(at(inputs, 0), attrs), dtype: at(inputs, 0).dtype }],
    emit: (e) => finishReshape(e, e.input(0).name),
  }),
  defineOp({
    name: 'Transpose',
    inputs: ['x'],
    infer: (inputs, attrs) => [
      { shape: numbersAttr(attrs, 'perm').map((i) => at(at(inputs, 0).shape, i)), dtype: at(inputs, 0).dtype },
    ],
    emit: (e) => e.finish('Transpose', [e.input(0).name], { perm: numbersAttr(e.attrs, 'perm') }),
    simplify: (_, attrs) => (numbersAttr(attrs, 'perm').every((axis, i) => axis === i) ? { alias: 0 } : null),
  }),
  defineOp({
    name: 'BroadcastTo',
    inputs: ['x'],
    infer: (inputs, attrs) => [{ shape: numbersAttr(attrs, 'shape'), dtype: at(inputs, 0).dtype }],
    emit: (e) => e.finish('Expand', [e.input(0).name, int64s(e, e.output(0).shape)]),
  }),
  defineOp({
    name: 'Tile',
    inputs: ['x'],
    infer: (inputs, attrs) => {
      const { shape, dtype } = at(inputs, 0);
      return [{ shape: shape.map((n, i) => n * at(numbersAttr(attrs, 'reps'), i)), dtype }];
    },
    emit: (e) => e.finish('Tile', [e.input(0).name, int64s(e, numbersAttr(e.attrs, 'reps'))]),
  }),
];
