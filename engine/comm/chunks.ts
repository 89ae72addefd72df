// Chunks: a gradient in pieces of fixed size. They are the unit by which owners share a reduction and by which the
// global norm is summed, so that neither depends on how many owners there are.
import { invariant } from '../core/invariant.js';
import { HostAdder, type VectorAdder } from '../tensor/vector-adder.js';

/** Elements of a chunk; the last one of a block may be shorter. */
export const CHUNK = 16384;

/** A range [from, to) of chunks or of elements. */
export interface Range {
  readonly from: number;
  readonly to: number;
}

/** Chunks of a block of `length` elements. */
export function numChunks(length: number): number {
  return Math.ceil(length / CHUNK);
}

/** Contiguous, balanced ranges of chunks, one per owner; some are empty where there are more owners than chunks. */
export function shardChunks(count: number, owners: number): Range[] {
  invariant(owners >= 1, () => `${owners} owners`);
  const bound = (owner: number): number => Math.floor((owner * count) / owners);
  return Array.from({ length: owners }, (_, owner) => ({ from: bound(owner), to: bound(owner + 1) }));
}

/** Sums of squares of chunks [from, to) of a block: one per chunk, in float64. */
export function chunkSquares(
  data: Float32Array,
  from: number,
  to: number,
  adder: VectorAdder = new HostAdder(),
): Float64Array {
  return Float64Array.from({ length: to - from }, (_, i) =>
    adder.sumOfSquares(data.subarray((from + i) * CHUNK, (from + i + 1) * CHUNK)),
  );
}
