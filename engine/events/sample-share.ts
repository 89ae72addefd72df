// SampleShare: which samples of a step a replica worked on, as whoever computed it saw them: a range of the epoch's
// order, and a digest of the sample ids. The events carry it, so that anybody can check that every sample came exactly
// once.
import { createHash } from 'node:crypto';

/** Places [from, to) without padding, and the digest of the ids there. */
export interface SampleShare {
  readonly from: number;
  readonly to: number;
  readonly digest: string;
}

/** First 16 hexadecimal digits of the SHA-256 over the ids as 32-bit integers, little-endian. */
export const digestOfIds = (ids: ArrayLike<number>): string =>
  createHash('sha256')
    .update(new Uint8Array(Int32Array.from(ids).buffer))
    .digest('hex')
    .slice(0, 16);

/** The share of places [from, to) of a batch; padding (-1) at its end does not count. */
export function shareOf(batch: Int32Array, from: number, to: number): SampleShare {
  const real = batch.subarray(from, to).filter((id) => id >= 0);
  return { from, to: from + real.length, digest: digestOfIds(real) };
}
