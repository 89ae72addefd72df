// LossList: the losses of the steps of a run by number, each as the 32-bit float it is: four bytes a step, for whoever
// has to compare steps that were done again. A loss may be unknown.
import { createHash } from 'node:crypto';
import { LossDigest, type LossDigestState } from './loss-digest.js';

const FIRST_LENGTH = 1024;

export class LossList {
  #values = new Float32Array(FIRST_LENGTH);
  #length = 0;
  /** Steps from a number up to another whose losses are unknown, and the digest of all before the latter if known. */
  #gaps: { readonly from: number; readonly to: number; readonly digest: LossDigestState | null }[] = [];

  get length(): number {
    return this.#length;
  }

  /** Null where it is unknown. */
  at(step: number): number | null {
    const value = step < this.#length ? (this.#values[step] as number) : Number.NaN;
    return Number.isNaN(value) ? null : value;
  }

  /** Sets the loss of a step that is in the list, or the next one. */
  set(step: number, loss: number): void {
    if (step >= this.#values.length) {
      const values = new Float32Array(2 * step);
      values.set(this.#values);
      this.#values = values;
    }
    this.#values[step] = loss;
    this.#length = Math.max(this.#length, step + 1);
  }

  /** Forgets the losses from a step on. */
  cut(length: number): void {
    this.#length = Math.min(this.#length, length);
    this.#gaps = this.#gaps.filter(({ to }) => to <= this.#length);
  }

  /** The losses of steps [from, to) are unknown. */
  leaveOut(from: number, to: number, digest: LossDigestState | null): void {
    for (let step = from; step < to; step++) this.set(step, Number.NaN);
    this.#gaps.push({ from, to, digest });
  }

  /** SHA-256 of the losses of the first `steps` steps; null where it cannot be known. */
  digest(steps: number): string | null {
    if (steps > this.#length) return null;
    const gap = this.#gaps.filter(({ to }) => to <= steps).at(-1);
    const known = this.#values.subarray(0, steps);
    if (!known.some(Number.isNaN))
      return createHash('sha256')
        .update(new Uint8Array(known.buffer, known.byteOffset, known.byteLength))
        .digest('hex');
    if (gap === undefined || gap.digest === null || known.subarray(gap.to).some(Number.isNaN)) return null;
    const digest = new LossDigest(gap.digest);
    for (const loss of known.subarray(gap.to)) digest.add(loss);
    return digest.digest();
  }
}
