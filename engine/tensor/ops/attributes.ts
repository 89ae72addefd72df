// Readers of kernel attributes, which TensorFlow.js passes untyped. A wrong type here is a defect of ours or an op used
// in a way that no public function of TensorFlow.js produces.
import { invariant } from '../../core/invariant.js';
import type { Attrs } from '../graph.js';
import type { ComputeDType } from '../shape.js';

/** A number. */
export function numberAttr(attrs: Attrs, name: string): number {
  const value = attrs[name];
  invariant(typeof value === 'number', () => `attribute ${name} is ${String(value)}, not a number`);
  return value;
}

/** A list of numbers; a lone number becomes a list of one. */
export function numbersAttr(attrs: Attrs, name: string): readonly number[] {
  const value = attrs[name];
  const list: unknown[] = Array.isArray(value) ? value : [value];
  invariant(
    list.every((item) => typeof item === 'number'),
    () => `attribute ${name} is ${String(value)}, not a list of numbers`,
  );
  return list;
}

/** A flag; absent is false. */
export const flagAttr = (attrs: Attrs, name: string): boolean => attrs[name] === true;

/** An element type that the project computes with. */
export function dtypeAttr(attrs: Attrs, name: string): ComputeDType {
  const value = attrs[name];
  invariant(
    value === 'float32' || value === 'int32' || value === 'bool',
    () => `element type ${String(value)} is not supported`,
  );
  return value;
}

/** The axes of a reduction: sorted, non-negative; all of them where none is given. */
export function axesAttr(attrs: Attrs, name: string, rank: number): readonly number[] {
  const value = attrs[name];
  if (value === undefined || value === null) return Array.from({ length: rank }, (_, i) => i);
  return numbersAttr(attrs, name)
    .map((axis) => normalAxis(axis, rank))
    .sort((a, b) => a - b);
}

/** A non-negative axis for one that may count from the end. */
export function normalAxis(axis: number, rank: number): number {
  const normal = axis < 0 ? axis + rank : axis;
  invariant(
    Number.isInteger(normal) && normal >= 0 && normal < Math.max(rank, 1),
    () => `axis ${axis} is outside of rank ${rank}`,
  );
  return normal;
}
