// Shape arithmetic shared by the op definitions.
import { invariant, present } from '../../core/invariant.js';
import type { Shape } from '../shape.js';
import { sizeOf } from '../shape.js';
import type { TensorSpec } from './definition.js';

/** The i-th element, which must exist. */
export const at = <T>(list: readonly T[], i: number): T => present(list.at(i), `element ${i} of ${list.length}`);

/** The shape that two shapes broadcast to. */
export function broadcastShapes(a: Shape, b: Shape): Shape {
  const rank = Math.max(a.length, b.length);
  return Array.from({ length: rank }, (_, i) => {
    const m = a[i - (rank - a.length)] ?? 1;
    const n = b[i - (rank - b.length)] ?? 1;
    invariant(m === n || m === 1 || n === 1, () => `shapes [${a.join()}] and [${b.join()}] do not broadcast`);
    return m === 1 ? n : m;
  });
}

/** What is left of a shape after a reduction over `axes`. */
export const reducedShape = (shape: Shape, axes: readonly number[], keepDims: boolean): Shape =>
  keepDims ? shape.map((n, i) => (axes.includes(i) ? 1 : n)) : shape.filter((_, i) => !axes.includes(i));

/** Replaces one -1 by what makes the number of elements equal to `size`. */
export function resolveShape(shape: Shape, size: number): Shape {
  const known = shape.reduce((product, n) => (n < 0 ? product : product * n), 1);
  const resolved = shape.map((n) => (n < 0 ? size / known : n));
  invariant(sizeOf(resolved) === size, () => `${size} elements do not fit the shape [${shape.join()}]`);
  return resolved;
}

export const sameShape = (a: Shape, b: Shape): boolean => a.length === b.length && a.every((n, i) => n === b[i]);

/** A list with `value` at `index` instead of what was there. */
export const withAt = (shape: Shape, index: number, value: number): Shape =>
  shape.map((n, i) => (i === index ? value : n));

/** Shape and type of the first input: what elementwise ops return. */
export const likeFirst = (inputs: readonly TensorSpec[]): readonly TensorSpec[] => [at(inputs, 0)];
