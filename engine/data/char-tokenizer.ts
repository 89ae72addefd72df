// CharTokenizer: one id per character (Unicode code point) of the text it was made from, in order of code points,
// behind the special tokens.
import { DataError } from '../core/errors.js';
import type { Tokenizer } from './dataset.js';
import { type TokenizerIdentity, tokenizerIdentity } from './tokenizer-identity.js';

const CODE_UNITS = 2 ** 16;

export class CharTokenizer implements Tokenizer {
  readonly name = 'chars';
  readonly cut = 'anywhere';
  readonly file = null;
  readonly size: number;
  readonly identity: TokenizerIdentity;
  readonly unknown: number | null;
  readonly #tokens: readonly string[];
  readonly #numSpecials: number;
  readonly #idOf: ReadonlyMap<string, number>;
  /**
   * The id of every code unit that is a character, -1 elsewhere: a text is read much faster by a table than by a map.
   */
  readonly #idOfUnit: Int32Array;

  /** `unknown` is the id that stands for characters the text did not have; null makes them errors. */
  constructor(chars: Iterable<string>, specials: readonly string[] = [], unknown: number | null = null) {
    const sorted = charactersOf(chars).sort((a, b) => (a.codePointAt(0) as number) - (b.codePointAt(0) as number));
    this.#tokens = [...specials, ...sorted];
    this.#numSpecials = specials.length;
    this.#idOf = new Map(sorted.map((char, i) => [char, specials.length + i]));
    this.unknown = unknown;
    this.identity = tokenizerIdentity('chars', this.#tokens, {
      specials: specials.length,
      unknown: unknown ?? 'error',
    });
    this.size = this.#tokens.length;
    this.#idOfUnit = new Int32Array(CODE_UNITS).fill(-1);
    for (const [char, id] of this.#idOf) if (char.length === 1) this.#idOfUnit[char.charCodeAt(0)] = id;
  }

  /** Throws PT_DATA_CHARACTER for a character that has no id, unless there is an id for unknown ones. */
  encode(text: string): number[] {
    const ids: number[] = [];
    for (let at = 0; at < text.length; at++) {
      const id = this.#idOfUnit[text.charCodeAt(at)] as number;
      if (id >= 0) {
        ids.push(id);
        continue;
      }
      const char = String.fromCodePoint(text.codePointAt(at) as number);
      ids.push(this.#idOrThrow(char));
      at += char.length - 1;
    }
    return ids;
  }

  /** Whether every character of a text has an id of its own. */
  covers(text: string): boolean {
    return charactersOf(text).every((char) => this.#idOf.has(char));
  }

  /** Special tokens vanish. */
  decode(ids: readonly number[]): string {
    return ids.map((id) => (id < this.#numSpecials ? '' : (this.#tokens[id] ?? ''))).join('');
  }

  #idOrThrow(char: string): number {
    const id = this.#idOf.get(char) ?? this.unknown;
    if (id !== null) return id;
    throw new DataError(
      'PT_DATA_CHARACTER',
      `the character ${JSON.stringify(char)} is none of the ${this.size} characters of the training text`,
      'leave it out, or train with the option tokenizer=bytes',
    );
  }
}

/** The different characters. Most texts have none beyond the first plane, so that every code unit is one. */
function charactersOf(chars: Iterable<string>): string[] {
  if (typeof chars !== 'string' || /[\ud800-\udfff]/.test(chars)) return [...new Set(chars)];
  const isThere = new Uint8Array(CODE_UNITS);
  for (let at = 0; at < chars.length; at++) isThere[chars.charCodeAt(at)] = 1;
  const characters: string[] = [];
  for (let unit = 0; unit < CODE_UNITS; unit++) if (isThere[unit] === 1) characters.push(String.fromCharCode(unit));
  return characters;
}
