// The key of a cached activation: everything the output of the frozen prefix depends on. Invariant: two activations
// with equal keys have equal bits. So it is the sample, by its place in a store, and the level of that store: how deep
// the prefix is, the weights in it, what augmentation did to the sample, and how the record is encoded. The seed, the
// step, the shape of the run and the worker are not in it, because frozen blocks do not depend on them. A record is
// only ever read under the exact key it was written under; there is no "close enough".
import { createHash } from 'node:crypto';
import type { CodecName } from './codec.js';

/** What all records of one level share. */
export interface CacheLevel {
  /** Frozen blocks: the record is the output of block `depth - 1`. */
  readonly depth: number;
  /** Digest of the parameters of the frozen blocks, as hex. */
  readonly weights: string;
  /** Names the augmentation and its view, e.g. `none` or `flip-crop/2`; anything random must be fixed by it. */
  readonly augmentation: string;
  readonly codec: CodecName;
}

/** SHA-256 over all fields of a level, as hex: what a store of that level carries in its header. */
export function levelDigest(level: CacheLevel): string {
  // JSON quotes the fields, so that no two levels can give the same text.
  const text = JSON.stringify(['pipetrain-cache-1', level.depth, level.weights, level.augmentation, level.codec]);
  return createHash('sha256').update(text).digest('hex');
}

/** SHA-256 over the parameter slabs of the frozen blocks, in block order, as hex. */
export function weightsDigest(slabs: readonly Float32Array[]): string {
  const hash = createHash('sha256');
  for (const slab of slabs) {
    // The length keeps two slabs from looking like one.
    hash.update(`${slab.length}:`);
    hash.update(new Uint8Array(slab.buffer, slab.byteOffset, slab.byteLength));
  }
  return hash.digest('hex');
}
