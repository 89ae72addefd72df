// StrictJson: JSON read with what `JSON.parse` forgets: names that come twice, and numbers as they are written. For
// headers of files in which a second answer, or a rounded number, would be a wrong tensor. It knows no schema.

/** A number as it stands in the text. */
export class JsonNumber {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }

  /** The number where it is a whole one below 2^64, written without a sign, a point or an exponent; else null. */
  get whole(): bigint | null {
    if (!/^\d{1,20}$/.test(this.text)) return null;
    const value = BigInt(this.text);
    return value < 2n ** 64n ? value : null;
  }
}

/** The members of an object in the order of the text; a name may come twice. */
export class JsonMembers {
  readonly all: readonly (readonly [string, StrictJson])[];

  constructor(all: readonly (readonly [string, StrictJson])[]) {
    this.all = all;
  }
}

export type StrictJson = null | boolean | string | JsonNumber | JsonMembers | readonly StrictJson[];

/** Lists and objects within each other, at most. */
const MOST_DEPTH = 127;
const SPACE = /[ \t\n\r]*/y;
const NUMBER = /-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?/y;
/** Up to the closing quote; what the escapes mean is left to JSON.parse. */
const STRING = /"(?:[^"\\\u0000-\u001f]|\\[^\u0000-\u001f])*"/y;

/** Half of a pair of UTF-16, without the other half. */
const LONE_HALF = /\p{Surrogate}/u;

/** Reads a whole text. Throws a SyntaxError that names the character where it is no JSON. */
export const parseStrictJson = (text: string): StrictJson => new Reader(text).whole();

class Reader {
  readonly #text: string;
  #at = 0;
  #depth = 0;

  constructor(text: string) {
    this.#text = text;
  }

  whole(): StrictJson {
    const value = this.#value();
    this.#take(SPACE);
    if (this.#at < this.#text.length) throw this.#wrong('more follows');
    return value;
  }

  #value(): StrictJson {
    this.#take(SPACE);
    switch (this.#text[this.#at]) {
      case '{':
        return this.#nested(
          '}',
          () => this.#member(),
          (members) => new JsonMembers(members),
        );
      case '[':
        return this.#nested(
          ']',
          () => this.#value(),
          (values) => values,
        );
      case '"':
        return this.#string();
      default:
        return this.#plain();
    }
  }

  /** What stands between two brackets, with commas between. */
  #nested<T, V>(end: string, item: () => T, made: (items: readonly T[]) => V): V {
    if (++this.#depth > MOST_DEPTH) throw this.#wrong(`more than ${MOST_DEPTH} lists and objects lie in each other`);
    this.#at++;
    const items: T[] = [];
    this.#take(SPACE);
    if (this.#text[this.#at] !== end)
      for (;;) {
        items.push(item());
        this.#take(SPACE);
        if (this.#text[this.#at] !== ',') break;
        this.#at++;
      }
    if (this.#text[this.#at] !== end) throw this.#wrong(`"${end}" or a comma is missing`);
    this.#at++;
    this.#depth--;
    return made(items);
  }

  #member(): readonly [string, StrictJson] {
    this.#take(SPACE);
    const name = this.#string();
    this.#take(SPACE);
    if (this.#text[this.#at] !== ':') throw this.#wrong('a colon is missing');
    this.#at++;
    return [name, this.#value()];
  }

  #string(): string {
    const from = this.#at;
    const raw = this.#take(STRING);
    if (raw === null) throw this.#wrong('a text in quotes is missing');
    // Throws a SyntaxError for an escape that there is not.
    const text = raw.includes('\\') ? (JSON.parse(raw) as string) : raw.slice(1, -1);
    if (!LONE_HALF.test(text)) return text;
    this.#at = from;
    throw this.#wrong('half a character stands in a text');
  }

  #plain(): StrictJson {
    for (const [word, value] of WORDS)
      if (this.#text.startsWith(word, this.#at)) {
        this.#at += word.length;
        return value;
      }
    const number = this.#take(NUMBER);
    if (number === null) throw this.#wrong('no value stands there');
    if (!Number.isFinite(Number(number))) throw this.#wrong('a number is out of range');
    return new JsonNumber(number);
  }

  #take(pattern: RegExp): string | null {
    pattern.lastIndex = this.#at;
    const [hit] = pattern.exec(this.#text) ?? [null];
    if (hit !== null) this.#at += hit.length;
    return hit;
  }

  #wrong(why: string): SyntaxError {
    return new SyntaxError(`${why} at character ${this.#at} of ${this.#text.length}`);
  }
}

const WORDS: readonly (readonly [string, null | boolean])[] = [
  ['null', null],
  ['true', true],
  ['false', false],
];
