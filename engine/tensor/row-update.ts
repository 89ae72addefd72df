// RowUpdate: the update of a table whose gradient is kept by rows. All its rows are updated as ever, those without a
// gradient by one of zeros that is never read from memory; only rows that the rule would leave as they are, bit for
// bit, are passed over. How elements are updated is optimizer.ts's business.
import type { UpdateRule } from './update-rule.js';

/** The gradient of a table, of which an update has elements `first`... */
export interface RowGradient {
  /** Elements of a row. */
  readonly width: number;
  readonly first: number;
  /** The rows that have a gradient now, ascending, and their gradients; they stay where they are from call to call. */
  readonly rows: () => { readonly ids: Int32Array; readonly values: Float32Array };
}

/** Updates elements [offset, offset + length) by the gradient from `at` on of what `rows` had, or by zeros: null. */
export type UpdateRun = (offset: number, length: number, at: number | null) => void;

const FLOAT = Float32Array.BYTES_PER_ELEMENT;
const EXPONENT = 0x7f80_0000;
const MAGNITUDE = 0x7fff_ffff;

/**
 * Rows that rest: their states have been +0 so far, as those of words that no text had, and their weights are numbers
 * that no arithmetic changes by reading them (no NaN, none below the normal range, which may be flushed).
 */
export class RestingRows {
  readonly #gradient: RowGradient;
  readonly #length: number;
  /** By row, from the one that has the first element; 0 where it rests. */
  readonly #isAwake: Uint8Array;
  readonly #firstRow: number;

  constructor(gradient: RowGradient, weights: Float32Array, states: readonly Float32Array[]) {
    this.#gradient = gradient;
    this.#length = weights.length;
    const { width, first } = gradient;
    this.#firstRow = Math.floor(first / width);
    this.#isAwake = new Uint8Array(Math.ceil((first + weights.length) / width) - this.#firstRow);
    const bytes = states.map(({ buffer, byteOffset, byteLength }) => Buffer.from(buffer, byteOffset, byteLength));
    const words = new Int32Array(weights.buffer, weights.byteOffset, weights.length);
    const zeros = Buffer.alloc(width * FLOAT);
    for (let i = 0; i < this.#isAwake.length; i++) {
      const [from, to] = [this.#begin(i), this.#begin(i + 1)];
      const isUnmoved = bytes.every(
        (state) => state.compare(zeros, 0, (to - from) * FLOAT, from * FLOAT, to * FLOAT) === 0,
      );
      if (!isUnmoved || !areStable(words, from, to)) this.#isAwake[i] = 1;
    }
  }

  /** Calls `update` for all elements; where `rests`, not for rows that rest and have no gradient. */
  forEachRun(rests: boolean, longest: number, update: UpdateRun): void {
    const { width, first } = this.#gradient;
    const { ids } = this.#gradient.rows();
    const awake = this.#isAwake;
    const zeros = (from: number, to: number): void => {
      for (let offset = from; offset < to; offset += longest) update(offset, Math.min(longest, to - offset), null);
    };
    const [begin, end] = [lowerBound(ids, this.#firstRow), lowerBound(ids, this.#firstRow + awake.length)];
    let done = 0;
    for (let place = begin; place < end; place++) {
      const i = (ids[place] as number) - this.#firstRow;
      const from = this.#begin(i);
      const to = this.#begin(i + 1);
      if (!rests) zeros(done, from);
      // A shard may begin within the row.
      update(from, to - from, place * width + first + from - (this.#firstRow + i) * width);
      done = to;
      awake[i] = 0;
    }
    if (!rests) zeros(done, this.#length);
    else
      for (let i = awake.indexOf(1); i >= 0;) {
        const sleeps = awake.indexOf(0, i);
        zeros(this.#begin(i), sleeps < 0 ? this.#length : this.#begin(sleeps));
        i = sleeps < 0 ? -1 : awake.indexOf(1, sleeps);
      }
    for (let place = begin; place < end; place++) awake[(ids[place] as number) - this.#firstRow] = 1;
  }

  /** The first element of row `i` that is here. */
  #begin(i: number): number {
    const { width, first } = this.#gradient;
    return Math.min(this.#length, Math.max(0, (this.#firstRow + i) * width - first));
  }
}

/** Whether no weight is NaN, infinite or below the normal range. */
function areStable(words: Int32Array, from: number, to: number): boolean {
  for (let i = from; i < to; i++) {
    const word = words[i] as number;
    const exponent = word & EXPONENT;
    if (exponent === EXPONENT || (exponent === 0 && (word & MAGNITUDE) !== 0)) return false;
  }
  return true;
}

/** The first place of an ascending list whose number is `least` or more; the length where there is none. */
export function lowerBound(ids: Int32Array, least: number): number {
  let [from, to] = [0, ids.length];
  while (from < to) {
    const middle = (from + to) >> 1;
    if ((ids[middle] as number) < least) from = middle + 1;
    else to = middle;
  }
  return from;
}

/**
 * For executors that are bound to tiles: expands gradients of rows, one tile after another, into one scratch tile.
 * `tiles` have offset and length, and update by what is in `scratch`.
 */
export function updateTiles(
  gradient: RowGradient,
  scratch: Float32Array,
  tiles: readonly { readonly offset: number; readonly length: number; readonly run: () => void }[],
): void {
  const { width, first, rows } = gradient;
  const { ids, values } = rows();
  let place = 0;
  for (const { offset, length, run } of tiles) {
    scratch.fill(0, 0, length);
    // The row before may reach into this tile.
    while (place > 0 && ((ids[place - 1] as number) + 1) * width > first + offset) place--;
    for (; place < ids.length; place++) {
      const begin = (ids[place] as number) * width - first - offset;
      if (begin >= length) break;
      const [from, to] = [Math.max(0, begin), Math.min(length, begin + width)];
      if (to > from) scratch.set(values.subarray(place * width + from - begin, place * width + to - begin), from);
    }
    run();
  }
}

/** Whether all of a rule's scalars are finite, as 32-bit floats. */
export const areFinite = (scalars: readonly number[]): boolean =>
  scalars.every((scalar) => Number.isFinite(Math.fround(scalar)));

/** Whether a rule leaves rows alone that rest; see UpdateRule. */
export const leavesResting = (rule: UpdateRule, scalars: readonly number[]): boolean =>
  areFinite(scalars) && rule.rests?.(scalars.map(Math.fround)) === true;
