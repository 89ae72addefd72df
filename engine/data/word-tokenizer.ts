// WordTokenizer: whole words and single punctuation marks, the most frequent ones of the text it was made from, behind
// the special tokens.
import type { Tokenizer } from './dataset.js';

/** A run of letters, digits and apostrophes, or one other mark. */
const WORD = /[\p{L}\p{M}\p{N}']+|[^\s\p{L}\p{M}\p{N}']/gu;

export interface WordOptions {
  readonly vocabulary: number;
  readonly lowercase: boolean;
  readonly specials: readonly string[];
  /** Id of words outside the vocabulary; one of the special tokens. */
  readonly unknown: number;
}

export class WordTokenizer implements Tokenizer {
  readonly name = 'words';
  readonly size: number;
  readonly #tokens: readonly string[];
  readonly #idOf: ReadonlyMap<string, number>;
  readonly #options: WordOptions;

  /** Keeps the `vocabulary` most frequent words of `texts`; among equals the one that comes first by code unit. */
  constructor(texts: Iterable<string>, options: WordOptions) {
    this.#options = options;
    const counts = new Map<string, number>();
    for (const text of texts) for (const word of this.#split(text)) counts.set(word, (counts.get(word) ?? 0) + 1);
    const ranked = [...counts].sort(([a, m], [b, n]) => n - m || (a < b ? -1 : 1));
    const words = ranked.slice(0, options.vocabulary).map(([word]) => word);
    this.#tokens = [...options.specials, ...words];
    this.#idOf = new Map(words.map((word, i) => [word, options.specials.length + i]));
    this.size = this.#tokens.length;
  }

  encode(text: string): number[] {
    return this.#split(text).map((word) => this.#idOf.get(word) ?? this.#options.unknown);
  }

  /** Words with single spaces between; the spaces of the original are lost. */
  decode(ids: readonly number[]): string {
    return ids.map((id) => this.#tokens[id] ?? '').join(' ');
  }

  #split(text: string): readonly string[] {
    return (this.#options.lowercase ? text.toLowerCase() : text).match(WORD) ?? [];
  }
}
