// TensorRule: what an optimizer does to a parameter as a whole, where an update rule sees single elements: norms of
// weights and updates, sums over rows and columns. It computes in 64 bits, in the order of the elements of the whole
// parameter, so that it does not matter who reduced which part of the gradient. It holds no state and no buffers.
import type { UpdateSettings } from './update-settings.js';

/** A parameter in the host's memory. */
export interface WholeTensor {
  readonly shape: readonly number[];
  /** Updated in place. */
  readonly weights: Float32Array;
  /** Clipped already; it may be overwritten. */
  readonly gradient: Float32Array;
  /** Of the sizes that the rule says; updated in place. */
  readonly states: readonly Float32Array[];
}

export interface TensorRule {
  readonly isWhole: true;
  /** Elements of every state of a parameter of that shape; as many states for each shape. They start as zeros. */
  stateSizes(shape: readonly number[]): readonly number[];
  /** `decays` is false for parameters without weight decay. */
  update(tensor: WholeTensor, settings: UpdateSettings, decays: boolean): void;
}

/** The root of the sum of squares, one element after the other. */
export function norm(values: Float32Array | Float64Array): number {
  let sum = 0;
  for (const value of values) sum += value * value;
  return Math.sqrt(sum);
}

/** By how much an update is scaled to be in proportion to its weights; 1 where either is zero. */
export const trustRatio = (weights: number, update: number): number =>
  weights > 0 && update > 0 ? weights / update : 1;

/** A parameter as a matrix [rows, columns]: the last axis are the columns. One row for a vector. */
export function asMatrix(shape: readonly number[]): { readonly rows: number; readonly columns: number } {
  const columns = shape.at(-1) ?? 1;
  return { rows: shape.slice(0, -1).reduce((product, size) => product * size, 1), columns };
}
