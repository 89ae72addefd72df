// Chunks: a gradient in pieces of fixed size. They are the unit by which owners share a reduction and by which the global norm is summed, so
// that neither depends on how many owners there are.
import { invariant } from '../core/invariant.js';

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

/** The elements of chunks [from, to) of a block of `length` elements. */
export function elementsOf({ from, to }: Range, length: number): Range {
  return { from: Math.min(from * CHUNK, length), to: Math.min(to * CHUNK, length) };
}

/** Contiguous, balanced ranges of chunks, one per owner; some are empty where there are more owners than chunks. */
export function shardChunks(count: number, owners: number): Range[] {
  invariant(owners >= 1, () => `${owners} owners`);
  const bound = (owner: number): number => Math.floor((owner * count) / owners);
  return Array.from({ length: owners }, (_, owner) => ({ from: bound(owner), to: bound(owner + 1) }));
}

/**
 * Sums of squares of chunks [from, to) of a block: one per chunk, in float64, added in the order of the elements.
 * Two chunks run side by side: each sum is a chain of dependent additions, and two chains hide each other's latency.
 */
export function chunkSquares(data: Float32Array, from: number, to: number): Float64Array {
  const sums = new Float64Array(to - from);
  let chunk = from;
  for (; chunk + 1 < to && (chunk + 2) * CHUNK <= data.length; chunk += 2) {
    const first = chunk * CHUNK;
    let a = 0;
    let b = 0;
    for (let i = first; i < first + CHUNK; i++) {
      const x = data[i] as number;
      const y = data[i + CHUNK] as number;
      a += x * x;
      b += y * y;
    }
    sums[chunk - from] = a;
    sums[chunk - from + 1] = b;
  }
  for (; chunk < to; chunk++) {
    const end = Math.min((chunk + 1) * CHUNK, data.length);
    let sum = 0;
    for (let i = chunk * CHUNK; i < end; i++) {
      const x = data[i] as number;
      sum += x * x;
    }
    sums[chunk - from] = sum;
  }
  return sums;
}

/** Euclidean norms of a gradient. */
export interface GradientNorm {
  readonly norm: number;
  /** Norm of each block, in order. */
  readonly blocks: readonly number[];
}

/** The norm from the sums of all chunks: chunks in order within a block, then blocks in order. Not finite where the gradient is not. */
export function normFromChunks(perBlock: readonly ArrayLike<number>[]): GradientNorm {
  let total = 0;
  const blocks: number[] = [];
  for (const chunks of perBlock) {
    let sum = 0;
    for (let i = 0; i < chunks.length; i++) sum += chunks[i] as number;
    blocks.push(Math.sqrt(sum));
    total += sum;
  }
  return { norm: Math.sqrt(total), blocks };
}
