// Ops that put values at places: the opposite of gathering. Values for one place are added in their order, by
// ScatterElements; gather.ts says why.
import { type Shape, sizeOf } from '../shape.js';
import { numbersAttr } from './attributes.js';
import { defineOp, type EmitContext, type OpDefinition, type Operand } from './definition.js';
import { cast, FAR_BELOW, filled, finishReshape, int64s, numeric, reshape, scalar } from './emit.js';
import { at } from './shapes.js';

/**
 * Writes `updates` into a flat `target` of [rows, width] at paths into the first axes of `shape`; a list of numbers is
 * a list of paths of one.
 */
function scatter(
  e: EmitContext,
  shape: Shape,
  indices: Operand,
  updates: string,
  target: (rows: number, width: number) => string,
  reduction: string,
): void {
  const depth = indices.shape.length > 1 ? at(indices.shape, -1) : 1;
  const count = sizeOf(indices.shape) / Math.max(depth, 1);
  const [rows, width] = [sizeOf(shape.slice(0, depth)), sizeOf(shape.slice(depth))];
  const strides = Array.from({ length: depth }, (_, i) => sizeOf(shape.slice(i + 1, depth)));
  const paths = reshape(e, indices.name, [count, depth]);
  const sizes = e.constant('int32', [depth], shape.slice(0, depth));
  // Each on its own axis: summed up, an index that is too large would be a place of the next row.
  const isInside = e.node('And', [
    e.node('GreaterOrEqual', [paths, scalar(e, 'int32', 0)]),
    e.node('Less', [paths, sizes]),
  ]);
  const refused = e.node('Where', [isInside, paths, scalar(e, 'int32', FAR_BELOW)]);
  const steps = e.node('Mul', [cast(e, refused, 'int64'), int64s(e, strides)]);
  const row = e.node('ReduceSum', [steps, int64s(e, [1])], { keepdims: 1 });
  const places = e.node('Expand', [row, int64s(e, [count, width])]);
  finishReshape(
    e,
    e.node('ScatterElements', [target(rows, width), places, reshape(e, updates, [count, width])], {
      axis: 0,
      reduction,
    }),
  );
}

export const scatterOps: readonly OpDefinition[] = [
  defineOp({
    name: 'ScatterNd',
    inputs: ['indices', 'updates'],
    infer: (inputs, attrs) => {
      const { dtype } = at(inputs, 1);
      return [{ shape: numbersAttr(attrs, 'shape'), dtype: dtype === 'bool' ? 'int32' : dtype }];
    },
    emit: (e) => {
      const { shape, dtype } = e.output(0);
      scatter(e, shape, e.input(0), numeric(e, e.input(1)), (rows, width) => filled(e, dtype, [rows, width], 0), 'add');
    },
  }),
  defineOp({
    name: 'TensorScatterUpdate',
    inputs: ['tensor', 'indices', 'updates'],
    infer: (inputs) => [at(inputs, 0)],
    emit: (e) =>
      scatter(
        e,
        e.output(0).shape,
        e.input(1),
        e.input(2).name,
        (rows, width) => reshape(e, e.input(0).name, [rows, width]),
        'none',
      ),
  }),
  defineOp({
    name: 'Diag',
    inputs: ['x'],
    infer: (inputs) => [{ shape: [...at(inputs, 0).shape, ...at(inputs, 0).shape], dtype: at(inputs, 0).dtype }],
    emit: (e) => {
      const n = sizeOf(e.input(0).shape);
      const places = e.node('Range', [scalar(e, 'int32', 0), scalar(e, 'int32', n), scalar(e, 'int32', 1)]);
      const isDiagonal = e.node('Equal', [places, reshape(e, places, [n, 1])]);
      const { dtype } = e.input(0);
      const zero = scalar(e, dtype === 'bool' ? 'int32' : dtype, 0);
      const diagonal = e.node('Where', [isDiagonal, reshape(e, numeric(e, e.input(0)), [n]), zero]);
      finishReshape(e, dtype === 'bool' ? cast(e, diagonal, 'bool') : diagonal);
    },
  }),
];
