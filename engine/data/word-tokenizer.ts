// WordTokenizer: whole words and single punctuation marks, the most frequent ones of the text it was made from, behind
// the special tokens.
import { DataError } from '../core/errors.js';
import type { Tokenizer } from './dataset.js';
import { piecesOf } from './text-pieces.js';
import { type TokenizerIdentity, tokenizerIdentity } from './tokenizer-identity.js';

/** A run of letters, digits and apostrophes, or one other mark. */
const WORD = /[\p{L}\p{M}\p{N}']+|[^\s\p{L}\p{M}\p{N}']/gu;

/** Different words that are counted at most: several times as many as half a gigabyte of any language has. */
export const MOST_WORDS = 6_000_000;

export interface WordOptions {
  readonly vocabulary: number;
  readonly lowercase: boolean;
  readonly specials: readonly string[];
  /** Id of words outside the vocabulary; one of the special tokens. */
  readonly unknown: number;
  /** The words in the order of their ids, where they are known; then the texts are not looked at. */
  readonly words?: readonly string[];
}

export class WordTokenizer implements Tokenizer {
  readonly name = 'words';
  readonly file = null;
  readonly size: number;
  readonly identity: TokenizerIdentity;
  readonly unknown: number;
  readonly #tokens: readonly string[];
  readonly #idOf: ReadonlyMap<string, number>;
  readonly #options: WordOptions;

  /** Keeps the `vocabulary` most frequent words of `texts`; among equals the one that comes first by code unit. */
  constructor(texts: Iterable<string>, options: WordOptions) {
    this.#options = options;
    const words = options.words ?? frequentWords(this.#countWords(texts), options.vocabulary);
    this.#tokens = [...options.specials, ...words];
    this.#idOf = new Map(words.map((word, i) => [word, options.specials.length + i]));
    this.size = this.#tokens.length;
    const { lowercase, unknown, specials } = options;
    this.unknown = unknown;
    this.identity = tokenizerIdentity('words', this.#tokens, { lowercase, unknown, specials: specials.length });
  }

  encode(text: string): number[] {
    return this.#split(text).map((word) => this.#idOf.get(word) ?? this.unknown);
  }

  /** Words with single spaces between; the spaces of the original are lost. */
  decode(ids: readonly number[]): string {
    return ids.map((id) => this.#tokens[id] ?? '').join(' ');
  }

  #countWords(texts: Iterable<string>): Map<string, number> {
    const counts = new Map<string, number>();
    for (const text of texts)
      for (const piece of piecesOf(text, 'line')) {
        for (const word of this.#split(piece)) counts.set(word, (counts.get(word) ?? 0) + 1);
        if (counts.size > MOST_WORDS) throw tooManyWords();
      }
    return counts;
  }

  #split(text: string): readonly string[] {
    return (this.#options.lowercase ? text.toLowerCase() : text).match(WORD) ?? [];
  }
}

/** The most frequent words; among equals the one that comes first by code unit. */
const frequentWords = (counts: ReadonlyMap<string, number>, most: number): string[] =>
  [...counts]
    .sort(([a, m], [b, n]) => n - m || (a < b ? -1 : 1))
    .slice(0, most)
    .map(([word]) => word);

export const tooManyWords = (): DataError =>
  new DataError(
    'PT_DATA_VOCABULARY',
    `the training texts have more than ${MOST_WORDS} different words, which are counted at most`,
    'use the tokenizer bytes or chars, or one that was trained before: vocab=FILE',
  );
