// TextFacts: what is known of single labelled texts once they are encoded: how long each is, how much of it the
// tokenizer does not know, which are equal, which are empty; and what follows for any choice of them. The texts
// themselves are not kept.
import type { DataSummary, TokenFacts } from './data-summary.js';

export interface EncodedLengths {
  /** Tokens of each text, frame included, before it is cut. */
  readonly lengths: readonly number[];
  /** How many of them the tokenizer does not know; null where it knows everything. */
  readonly unknowns: readonly number[] | null;
}

/** What a summary says of the texts of some samples. */
export interface FactsOfTexts extends Required<Pick<DataSummary, 'shared' | 'empty'>> {
  readonly unknown: TokenFacts['unknown'];
  readonly cut: NonNullable<TokenFacts['cut']>;
}

export class TextFacts {
  readonly #lengths: Int32Array;
  readonly #unknowns: Int32Array | null;
  /** Equal texts have equal numbers. */
  readonly #numbers: Int32Array;
  /** The number of the text in which nothing stands; -1 where none is. */
  readonly #nothing: number;
  readonly #sequence: number;

  /** `texts` by sample id; samples are cut at `sequence` tokens. */
  constructor(texts: readonly string[], { lengths, unknowns }: EncodedLengths, sequence: number) {
    const numbers = new Map<string, number>();
    this.#numbers = Int32Array.from(texts, (text) => {
      const number = numbers.get(text) ?? numbers.size;
      numbers.set(text, number);
      return number;
    });
    this.#nothing = numbers.get('') ?? -1;
    this.#lengths = Int32Array.from(lengths);
    this.#unknowns = unknowns === null ? null : Int32Array.from(unknowns);
    this.#sequence = sequence;
  }

  /** Of the samples `ids`, the first `numTrain` of which train and the others validate. */
  of(ids: Int32Array, numTrain: number): FactsOfTexts {
    const [train, validation] = [ids.subarray(0, numTrain), ids.subarray(numTrain)];
    const lengths = [...ids].map((id) => this.#lengths[id] ?? 0);
    const samples = lengths.filter((length) => length > this.#sequence).length;
    const trained = new Set([...train].map((id) => this.#numbers[id]));
    return {
      unknown:
        this.#unknowns === null
          ? null
          : {
              train: this.#unknownShare(this.#unknowns, train),
              validation: this.#unknownShare(this.#unknowns, validation),
            },
      cut: {
        samples,
        share: samples / Math.max(1, ids.length),
        longest: lengths.reduce((most, length) => Math.max(most, length), 0),
      },
      shared: validation.reduce((sum, id) => sum + Number(trained.has(this.#numbers[id])), 0),
      empty: ids.reduce((sum, id) => sum + Number(this.#numbers[id] === this.#nothing), 0),
    };
  }

  #unknownShare(unknowns: Int32Array, ids: Int32Array): number {
    const total = (counts: Int32Array): number => ids.reduce((sum, id) => sum + (counts[id] ?? 0), 0);
    return total(unknowns) / Math.max(1, total(this.#lengths));
  }
}
