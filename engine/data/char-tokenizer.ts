// CharTokenizer: one id per character (Unicode code point) of the text it was made from, in order of code points, behind the special tokens.
import { DataError } from '../core/errors.js';
import type { Tokenizer } from './dataset.js';

export class CharTokenizer implements Tokenizer {
  readonly name = 'chars';
  readonly size: number;
  readonly #tokens: readonly string[];
  readonly #numSpecials: number;
  readonly #idOf: ReadonlyMap<string, number>;
  readonly #unknown: number | null;

  /** `unknown` is the id that stands for characters the text did not have; null makes them errors. */
  constructor(chars: Iterable<string>, specials: readonly string[] = [], unknown: number | null = null) {
    const sorted = [...new Set(chars)].sort((a, b) => (a.codePointAt(0) as number) - (b.codePointAt(0) as number));
    this.#tokens = [...specials, ...sorted];
    this.#numSpecials = specials.length;
    this.#idOf = new Map(sorted.map((char, i) => [char, specials.length + i]));
    this.#unknown = unknown;
    this.size = this.#tokens.length;
  }

  /** Throws PT_DATA_CHARACTER for a character that has no id, unless there is an id for unknown ones. */
  encode(text: string): number[] {
    return Array.from(text, (char) => {
      const id = this.#idOf.get(char) ?? this.#unknown;
      if (id === null) {
        throw new DataError(
          'PT_DATA_CHARACTER',
          `the character ${JSON.stringify(char)} is none of the ${this.size} characters of the training text`,
          'leave it out, or train with the option tokenizer=bytes',
        );
      }
      return id;
    });
  }

  /** Special tokens vanish. */
  decode(ids: readonly number[]): string {
    return ids.map((id) => (id < this.#numSpecials ? '' : (this.#tokens[id] ?? ''))).join('');
  }
}
