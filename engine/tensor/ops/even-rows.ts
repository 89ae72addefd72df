// EvenRows: what makes a result the same at every place of a micro-batch. The runtime works on vectors of elements, and
// where a row begins between two of them, or ends within one, it adds in another order or takes the function of the C
// library: then the bits of a sample depend on its place, and a record of the cache is not what a later step would
// compute. Rows are filled up here to a whole number of vectors. It is no op of its own.
import type { Shape } from '../shape.js';
import { sizeOf } from '../shape.js';
import type { NodeWriter } from './definition.js';
import { int64s, reshape, scalar } from './emit.js';
import { reducedShape } from './shapes.js';

/** Elements of the widest vectors that a runtime may use: 64 bytes. */
const VECTOR = 16;

/** Zeros behind the last axis, up to a whole number of vectors. */
function filledUp(e: NodeWriter, x: string, shape: Shape): string {
  const missing = VECTOR - ((shape.at(-1) ?? 0) % VECTOR);
  const amounts = [...shape.map(() => 0), ...shape.map((_, i) => (i === shape.length - 1 ? missing : 0))];
  return e.node('Pad', [x, int64s(e, amounts), scalar(e, 'float32', 0)]);
}

/** A shape whose last axis is all trailing ones of `axes`, and the axes in it. */
function withOneRow(
  shape: Shape,
  axes: readonly number[],
): { readonly shape: Shape; readonly axes: readonly number[] } {
  let lead = shape.length;
  while (axes.includes(lead - 1)) lead--;
  return { shape: [...shape.slice(0, lead), sizeOf(shape.slice(lead))], axes: [...axes.filter((i) => i < lead), lead] };
}

/**
 * Whether a sum of `shape` over `axes` has rows that begin at different alignments: more than one row, none of a single
 * element, not a whole number of vectors each.
 */
export function hasUnevenRows(shape: Shape, axes: readonly number[]): boolean {
  if (!axes.includes(shape.length - 1)) return false;
  const rows = withOneRow(shape, axes);
  const length = rows.shape.at(-1) ?? 0;
  return length > 1 && length % VECTOR !== 0 && sizeOf(rows.shape) > length;
}

/** The sum of a float32 tensor over `axes`, of [the shape without them] or with ones in their place. */
export function evenSum(e: NodeWriter, x: string, shape: Shape, axes: readonly number[], keepDims: boolean): string {
  if (!hasUnevenRows(shape, axes)) return e.node('ReduceSum', [x, int64s(e, axes)], { keepdims: Number(keepDims) });
  const rows = withOneRow(shape, axes);
  const one = rows.shape.length === shape.length ? x : reshape(e, x, rows.shape);
  const sum = e.node('ReduceSum', [filledUp(e, one, rows.shape), int64s(e, rows.axes)], { keepdims: 0 });
  return keepDims ? reshape(e, sum, reducedShape(shape, axes, true)) : sum;
}

/** The operator, applied to every element in whole vectors; of [size]. It must be defined at 0. */
export function evenMap(e: NodeWriter, operator: string, x: string, size: number): string {
  const flat = reshape(e, x, [size]);
  if (size % VECTOR === 0) return e.node(operator, [flat]);
  const all = e.node(operator, [filledUp(e, flat, [size])]);
  return e.node('Slice', [all, int64s(e, [0]), int64s(e, [size])]);
}
