// Small pieces of ONNX that several ops write.
import type { OnnxAttributes } from '../onnx.js';
import type { DType, Shape } from '../shape.js';
import { computeDtype, sizeOf } from '../shape.js';
import type { EmitContext, NodeWriter, Operand } from './definition.js';

const ONNX_CAST = { float32: 1, int32: 6, int64: 7, bool: 9, bfloat16: 16 } as const;

/** A constant scalar of an element type. */
export const scalar = (e: NodeWriter, dtype: DType, value: number): string =>
  e.constant(computeDtype(dtype), [], [value]);

/** A constant vector of 64-bit integers (shapes, axes, pads). */
export const int64s = (e: NodeWriter, values: readonly number[]): string =>
  e.constant('int64', [values.length], values);

/** The value in another element type. */
export const cast = (e: NodeWriter, name: string, to: keyof typeof ONNX_CAST): string =>
  e.node('Cast', [name], { to: ONNX_CAST[to] });

export const castAttributes = (to: keyof typeof ONNX_CAST): { to: number } => ({ to: ONNX_CAST[to] });

/** The operand as a type with arithmetic: booleans become 0 and 1. */
export const numeric = (e: EmitContext, x: Operand): string => (x.dtype === 'bool' ? cast(e, x.name, 'int32') : x.name);

/** The operand as 32-bit float. */
export const floating = (e: EmitContext, x: Operand): string =>
  x.dtype === 'float32' ? x.name : cast(e, x.name, 'float32');

const reshapeAttributes = (shape: Shape): { allowzero?: number } => (shape.includes(0) ? { allowzero: 1 } : {});

/** The value with another shape of the same size. */
export const reshape = (e: NodeWriter, name: string, shape: Shape): string =>
  e.node('Reshape', [name, int64s(e, shape)], reshapeAttributes(shape));

/** Output `i` as a reshaped value. */
export function finishReshape(e: EmitContext, name: string, i = 0): void {
  const { shape } = e.output(i);
  e.finish('Reshape', [name, int64s(e, shape)], reshapeAttributes(shape), '', [i]);
}

/**
 * Shapes up to this size are stored; larger ones are filled at run time, so that a model file never grows with a batch.
 */
const LARGEST_STORED_FILL = 16;

const stored = (e: EmitContext, dtype: DType, shape: Shape, value: number): string =>
  e.constant(
    computeDtype(dtype),
    shape,
    Array.from({ length: sizeOf(shape) }, () => value),
  );

const fillAttributes = (dtype: DType, value: number): OnnxAttributes => ({
  value: { tensor: { dtype: computeDtype(dtype), dims: [1], data: [value] } },
});

/** A tensor with one value everywhere. */
export function filled(e: EmitContext, dtype: DType, shape: Shape, value: number): string {
  if (sizeOf(shape) <= LARGEST_STORED_FILL) return stored(e, dtype, shape, value);
  return e.node('ConstantOfShape', [int64s(e, shape)], fillAttributes(dtype, value));
}

/** The first output, as a tensor with one value everywhere. */
export function finishFilled(e: EmitContext, value: number): void {
  const { dtype, shape } = e.output(0);
  if (sizeOf(shape) <= LARGEST_STORED_FILL) e.finish('Identity', [stored(e, dtype, shape, value)]);
  else e.finish('ConstantOfShape', [int64s(e, shape)], fillAttributes(dtype, value));
}

/**
 * The operands of a MatMul that sums `x` [rows, N] over its rows, to [N]: it reads memory in order, which a reduction
 * does not.
 */
export const rowSumOperands = (e: NodeWriter, x: string, rows: number): readonly [string, string] => [
  e.constant('float32', [rows], new Float32Array(rows).fill(1)),
  x,
];

/** Far below any index; the distance at which `inside` leaves one that is negative. */
export const FAR_BELOW = -1_000_000_000;

/**
 * Indices into an axis, int32. ONNX counts negative ones from its end, so that a label of -1 would name the last class;
 * here they go where the runtime refuses them, as it does those that are too large.
 */
export function inside(e: NodeWriter, indices: string): string {
  const isBelow = e.node('Less', [indices, scalar(e, 'int32', 0)]);
  return e.node('Where', [isBelow, e.node('Add', [indices, scalar(e, 'int32', FAR_BELOW)]), indices]);
}
