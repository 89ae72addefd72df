// Ops that look up by index, and their adjoints. Sums over equal indices use ScatterElements: ScatterND of the same
// runtime adds duplicates in a data race when it has more than one thread.
import type { Attrs } from '../graph.js';
import { computeDtype, type Shape, sizeOf } from '../shape.js';
import { backend_util, type TensorInfo } from '../tf.js';
import { dtypeAttr, normalAxis, numberAttr } from './attributes.js';
import { defineOp, type EmitContext, type OpDefinition, type Operand, type TensorSpec } from './definition.js';
import { cast, castAttributes, filled, finishReshape, inside, int64s, reshape, scalar } from './emit.js';
import { at } from './shapes.js';

/** The axis that the indices of a GatherV2 count. */
export const axisOfGather = (x: TensorSpec, attrs: Attrs): number =>
  normalAxis(numberAttr(attrs, 'axis'), x.shape.length);

/** Axes and output shape. TensorFlow.js checks them and says in its own words what does not fit. */
function gatherShapes(
  x: TensorSpec,
  indices: TensorSpec,
  attrs: Attrs,
): { axis: number; batchDims: number; shape: Shape } {
  const axis = axisOfGather(x, attrs);
  const given = attrs['batchDims'] === undefined ? 0 : numberAttr(attrs, 'batchDims');
  const info = ({ shape, dtype }: TensorSpec): TensorInfo => ({
    dataId: {},
    shape: [...shape],
    dtype: computeDtype(dtype),
  });
  const { outputShape } = backend_util.segment_util.collectGatherOpShapeInfo(info(x), info(indices), axis, given);
  return { axis, batchDims: given < 0 ? given + indices.shape.length : given, shape: outputShape };
}

/**
 * Gather whose first axes pair up with those of the indices. The runtime gathers right behind them; an axis further on
 * is moved there and back.
 */
function batchGather(e: EmitContext, x: Operand, indices: Operand, axis: number, batchDims: number): void {
  const paths = reshape(e, cast(e, inside(e, indices.name), 'int64'), [...indices.shape, 1]);
  const attributes = { batch_dims: batchDims };
  if (axis === batchDims) return e.finish('GatherND', [x.name, paths], attributes);
  const [source, rank, between] = [x.shape.map((_, i) => i), e.output(0).shape.length, axis - batchDims];
  const there = [...source.slice(0, batchDims), axis, ...source.slice(batchDims, axis), ...source.slice(axis + 1)];
  const gathered = e.node('GatherND', [e.node('Transpose', [x.name], { perm: there }), paths], attributes);
  const places = Array.from({ length: rank }, (_, i) => i);
  // behind the batch axes and the rest of the indices: the axes that axis was moved over
  const first = indices.shape.length;
  const back = [
    ...places.slice(0, batchDims),
    ...places.slice(first, first + between),
    ...places.slice(batchDims, first),
    ...places.slice(first + between),
  ];
  e.finish('Transpose', [gathered], { perm: back });
}

/** Rows `x` [N, M] added up by `ids` [N] into [rows, M], in the order of N. */
export function sumByIndex(
  e: EmitContext,
  x: string,
  ids: string,
  [n, m]: readonly [number, number],
  rows: number,
): string {
  const index = e.node('Expand', [reshape(e, cast(e, ids, 'int64'), [n, 1]), int64s(e, [n, m])]);
  return e.node('ScatterElements', [filled(e, 'float32', [rows, m], 0), index, x], { axis: 0, reduction: 'add' });
}

/** 1 where the index equals the position along a new last axis; nothing for indices out of range. */
function oneHot(e: EmitContext): void {
  const { shape, name } = e.input(0);
  const depth = numberAttr(e.attrs, 'depth');
  const { dtype } = e.output(0);
  const positions = e.node('Range', [scalar(e, 'int32', 0), scalar(e, 'int32', depth), scalar(e, 'int32', 1)]);
  const isHot = e.node('Equal', [reshape(e, name, [...shape, 1]), positions]);
  if (dtype === 'bool') return e.finish('Cast', [isHot], castAttributes('bool'));
  e.finish('Where', [
    isHot,
    scalar(e, dtype, numberAttr(e.attrs, 'onValue')),
    scalar(e, dtype, numberAttr(e.attrs, 'offValue')),
  ]);
}

const segmentShape = (x: Shape, ids: Shape, segments: number): Shape => [segments, ...x.slice(ids.length)];

export const gatherOps: readonly OpDefinition[] = [
  defineOp({
    name: 'GatherV2',
    inputs: ['x', 'indices'],
    infer: (inputs, attrs) => {
      const x = at(inputs, 0);
      return [{ shape: gatherShapes(x, at(inputs, 1), attrs).shape, dtype: x.dtype }];
    },
    emit: (e) => {
      const [x, indices] = [e.input(0), e.input(1)];
      const { axis, batchDims } = gatherShapes(x, indices, e.attrs);
      if (batchDims === 0) return e.finish('Gather', [x.name, inside(e, indices.name)], { axis });
      batchGather(e, x, indices, axis, batchDims);
    },
  }),
  defineOp({
    name: 'GatherNd',
    inputs: ['params', 'indices'],
    infer: (inputs) => {
      const [x, indices] = [at(inputs, 0), at(inputs, 1)];
      return [{ shape: [...indices.shape.slice(0, -1), ...x.shape.slice(at(indices.shape, -1))], dtype: x.dtype }];
    },
    emit: (e) => e.finish('GatherND', [e.input(0).name, cast(e, inside(e, e.input(1).name), 'int64')]),
  }),
  defineOp({
    name: 'UnsortedSegmentSum',
    inputs: ['x', 'segmentIds'],
    infer: (inputs, attrs) => [
      {
        shape: segmentShape(at(inputs, 0).shape, at(inputs, 1).shape, numberAttr(attrs, 'numSegments')),
        dtype: 'float32',
      },
    ],
    emit: (e) => {
      const [x, ids] = [e.input(0), e.input(1)];
      const rows = numberAttr(e.attrs, 'numSegments');
      const n = sizeOf(ids.shape);
      const m = sizeOf(x.shape) / Math.max(n, 1);
      // Indices outside of the segments are dropped: their rows are zeroed and sent to row 0.
      const zero = scalar(e, 'int32', 0);
      const isInside = e.node('And', [
        e.node('GreaterOrEqual', [ids.name, zero]),
        e.node('Less', [ids.name, scalar(e, 'int32', rows)]),
      ]);
      const safe = e.node('Where', [isInside, ids.name, zero]);
      const values = reshape(e, x.dtype === 'float32' ? x.name : cast(e, x.name, 'float32'), [n, m]);
      const kept = e.node('Where', [reshape(e, isInside, [n, 1]), values, scalar(e, 'float32', 0)]);
      finishReshape(e, sumByIndex(e, kept, safe, [n, m], rows));
    },
  }),
  defineOp({
    name: 'OneHot',
    inputs: ['indices'],
    infer: (inputs, attrs) => [
      { shape: [...at(inputs, 0).shape, numberAttr(attrs, 'depth')], dtype: dtypeAttr(attrs, 'dtype') },
    ],
    emit: oneHot,
  }),
];
