// Reference: one op of the op table as a composition of ordinary TensorFlow.js ops, for backends that have no kernel of
// that name. It computes values, not gradients: those are ops of their own in a traced program.
import { invariant } from '../../core/invariant.js';
import type { Attrs } from '../graph.js';
import type { Tensor } from '../tf.js';

/**
 * Outputs of a call in the order of the op's definition. Whatever else it makes is the caller's to dispose of (with
 * tidy).
 */
export type Reference = (inputs: readonly Tensor[], attrs: Attrs) => readonly Tensor[];

/**
 * Throws where an index lies outside of its axis: some backends read past the end of a table instead. `sizes` are the
 * axes that the last axis of `indices` counts; one size stands for all.
 */
export function requireInside(what: string, indices: Tensor, sizes: readonly number[]): void {
  invariant(indices.dtype === 'int32', () => `${what}: indices of ${indices.dtype}`);
  indices.dataSync<'int32'>().forEach((index, i) => {
    const size = sizes[i % sizes.length] as number;
    if (index < 0 || index >= size) throw new RangeError(`${what}: index ${index} lies outside of 0..${size - 1}`);
  });
}
