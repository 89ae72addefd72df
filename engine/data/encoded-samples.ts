// EncodedSamples: the token ids of the texts of samples, each as far as a sample can hold it, and how many it had; and
// the rows of one length that become of them. It does not choose that length.
import type { TokenArray } from './column.js';
import { tokenArray } from './column.js';
import { pairedIds, pairFrameLength } from './pair-frame.js';
import type { FilledFraming } from './tokenizer-choice.js';

/** Samples of T tokens. */
export interface SampleRows {
  /** [N, T] filled up or cut. */
  readonly tokens: TokenArray;
  /** [N] how many of each are of the texts and their frame. */
  readonly lengths: Int32Array;
  /** [N, T] which of two texts a token belongs to; null where samples have one. */
  readonly types: Uint8Array | null;
}

export interface EncodedSamples {
  /** Tokens of every sample with its frame, before it is cut. */
  readonly lengths: readonly number[];
  /** How many of a sample's tokens the tokenizer does not know. */
  readonly unknowns: readonly number[];
  /** What is cut is the text; what stands behind it stays. */
  rows(T: number): SampleRows;
}

/** Encodes the texts, and of pairs the second ones; at most `most` ids of each are kept. */
export function encodeSamples(
  framing: FilledFraming,
  texts: readonly string[],
  seconds: readonly string[] | null,
  most: number,
): EncodedSamples {
  const { tokenizer, pair, prefix, suffix, pad } = framing;
  const [first, second] = [new IdLists(tokenizer.size, most), new IdLists(tokenizer.size, most)];
  const frame = pair === undefined ? [...prefix, ...suffix] : [...pair.before, ...pair.between, ...pair.after];
  const frameLength = pair === undefined ? frame.length : pairFrameLength(pair);
  const framed = frame.filter((token) => (typeof token === 'number' ? token : token.id) === tokenizer.unknown).length;
  const lengths: number[] = [];
  const unknowns: number[] = [];
  const unknownIn = (ids: readonly number[]): number =>
    ids.reduce((sum, id) => sum + (id === tokenizer.unknown ? 1 : 0), 0);
  texts.forEach((text, i) => {
    const ids = tokenizer.encode(text);
    const others = seconds === null ? [] : tokenizer.encode(seconds[i] ?? '');
    first.add(ids);
    if (seconds !== null) second.add(others);
    lengths.push(ids.length + others.length + frameLength);
    unknowns.push(unknownIn(ids) + unknownIn(others) + framed);
  });
  const rows = (T: number): SampleRows => {
    const tokens = tokenArray(tokenizer.size, texts.length * T).fill(pad);
    const types = seconds === null ? null : new Uint8Array(texts.length * T);
    const kept = Int32Array.from(lengths, (length) => Math.min(length, T));
    for (let row = 0, at = 0; row < texts.length; row++, at += T) {
      if (types !== null && pair !== undefined) {
        const made = pairedIds(first.at(row), second.at(row), pair, T);
        tokens.set(made.ids, at);
        types.set(made.types, at);
        continue;
      }
      const ids = first.at(row).subarray(0, T - prefix.length - suffix.length);
      tokens.set(prefix, at);
      tokens.set(ids, at + prefix.length);
      tokens.set(suffix, at + prefix.length + ids.length);
    }
    return { tokens, lengths: kept, types };
  };
  return { lengths, unknowns, rows };
}

/** Lists of ids, one behind the other. */
class IdLists {
  readonly #most: number;
  readonly #ends: number[] = [];
  #ids: TokenArray;
  #used = 0;

  /** `most` ids of a list are kept. */
  constructor(vocabulary: number, most: number) {
    this.#most = most;
    this.#ids = tokenArray(vocabulary, 1 << 16);
  }

  at(list: number): TokenArray {
    return this.#ids.subarray(list === 0 ? 0 : this.#ends[list - 1], this.#ends[list]);
  }

  add(ids: readonly number[]): void {
    const kept = Math.min(ids.length, this.#most);
    if (this.#used + kept > this.#ids.length) {
      const Wider = this.#ids.constructor as new (length: number) => TokenArray;
      const more = new Wider(2 * (this.#used + kept));
      more.set(this.#ids.subarray(0, this.#used));
      this.#ids = more;
    }
    for (let i = 0; i < kept; i++) this.#ids[this.#used + i] = ids[i] as number;
    this.#used += kept;
    this.#ends.push(this.#used);
  }
}
