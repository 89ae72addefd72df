// Wire check: walks the tokens of one MessagePack value and admits only plain data. The decoder behind it knows many
// extensions (records compiled to functions, regular expressions, errors, sets, references); none of them may be
// reached from the network. It decodes nothing itself.

/** Nesting beyond this is refused, so that no input can exhaust the stack of the decoder. */
const MAX_DEPTH = 64;

/** Element codes of the typed-array extension that may travel: Uint8Array, Int32Array, Float32Array. */
const TYPED_ARRAY = 0x74;
const UINT8 = 1;
const INT32 = 5;
const FLOAT32 = 7;

/** What follows on a token: bytes, an extension, or the values of a list or of a map. */
interface Follows {
  readonly kind: 'bytes' | 'extension' | 'list' | 'map';
  /** How many (entries, for containers), or in how many bytes that is written. */
  readonly count: number | { readonly width: number };
}

const counted = (kind: Follows['kind'], width: number): Follows => ({ kind, count: { width } });
const fixed = (kind: Follows['kind'], count: number): Follows => ({ kind, count });

/** The tokens with a byte of their own; 64-bit integers (0xcf, 0xd3) and 0xc1 are not among them. */
const TOKENS: ReadonlyMap<number, Follows> = new Map([
  // nil, false, true
  ...[0xc0, 0xc2, 0xc3].map((token) => [token, fixed('bytes', 0)] as const),
  // Binary and strings.
  ...[1, 2, 4].flatMap((width, i) => [0xc4 + i, 0xd9 + i].map((token) => [token, counted('bytes', width)] as const)),
  ...[1, 2, 4].map((width, i) => [0xc7 + i, counted('extension', width)] as const),
  ...[1, 2, 4, 8, 16].map((length, i) => [0xd4 + i, fixed('extension', length)] as const),
  // Floats.
  [0xca, fixed('bytes', 4)],
  [0xcb, fixed('bytes', 8)],
  // Integers without and with a sign.
  ...[1, 2, 4].flatMap((size, i) => [0xcc + i, 0xd0 + i].map((token) => [token, fixed('bytes', size)] as const)),
  ...[2, 4].map((width, i) => [0xdc + i, counted('list', width)] as const),
  ...[2, 4].map((width, i) => [0xde + i, counted('map', width)] as const),
]);

/** What follows on a token whose byte holds a small number or length, and on all others; undefined: not plain data. */
function followsOn(token: number): Follows | undefined {
  if (token <= 0x7f || token >= 0xe0) return fixed('bytes', 0);
  if (token <= 0x8f) return fixed('map', token - 0x80);
  if (token <= 0x9f) return fixed('list', token - 0x90);
  if (token <= 0xbf) return fixed('bytes', token - 0xa0);
  return TOKENS.get(token);
}

/** By token; a message has many of them. */
const FOLLOWS = Array.from({ length: 256 }, (_, token) => followsOn(token));

const isString = (token: number): boolean => (token >= 0xa0 && token <= 0xbf) || (token >= 0xd9 && token <= 0xdb);

/**
 * Throws `problem(text)` unless `bytes` are exactly one well-formed value of nil, booleans, numbers, strings, binary,
 * arrays, maps with string keys, and typed arrays.
 */
export function checkWire(bytes: Uint8Array, problem: (text: string) => Error): void {
  new WireWalk(bytes, problem).run();
}

/** One pass over the tokens. */
class WireWalk {
  readonly #bytes: Uint8Array;
  readonly #problem: (text: string) => Error;
  /** Values still to come in the open containers, innermost last; maps count keys and values. */
  readonly #left: number[] = [1];
  readonly #isMap: boolean[] = [false];
  #position = 0;

  constructor(bytes: Uint8Array, problem: (text: string) => Error) {
    this.#bytes = bytes;
    this.#problem = problem;
  }

  run(): void {
    while (this.#left.length > 0) {
      const top = this.#left.length - 1;
      const remaining = this.#left[top] as number;
      if (remaining === 0) {
        this.#left.pop();
        this.#isMap.pop();
        continue;
      }
      this.#left[top] = remaining - 1;
      this.#value(this.#isMap[top] === true && remaining % 2 === 0);
    }
    if (this.#missing !== 0) throw this.#problem(`${this.#missing} bytes follow the message`);
  }

  /** Bytes from here to the end. */
  get #missing(): number {
    return this.#bytes.length - this.#position;
  }

  #value(isKey: boolean): void {
    const token = this.#number(1);
    if (isKey && !isString(token)) throw this.#problem('the key of an object is not a string');
    const follows = FOLLOWS[token];
    if (follows === undefined)
      throw this.#problem(
        `a value starts with the byte ${token}, which is not plain data (64-bit integers cannot travel)`,
      );
    const { kind } = follows;
    const count = typeof follows.count === 'number' ? follows.count : this.#number(follows.count.width);
    if (kind === 'bytes') this.#skip(count);
    else if (kind === 'extension') this.#extension(count);
    else this.#open(count, kind === 'map');
  }

  #number(width: number): number {
    if (width > this.#missing) throw this.#problem('the bytes end in the middle of a length');
    let value = 0;
    for (let i = 0; i < width; i++) value = value * 256 + (this.#bytes[this.#position++] as number);
    return value;
  }

  #skip(count: number): void {
    this.#position += count;
    if (this.#missing < 0) throw this.#problem(`the bytes end ${-this.#missing} bytes before a value does`);
  }

  #open(count: number, isMap: boolean): void {
    const values = isMap ? 2 * count : count;
    // Each value takes a byte at least: a small header must not announce a large container.
    if (values > this.#missing)
      throw this.#problem(`a container of ${count} entries starts ${this.#missing} bytes before the end`);
    if (this.#left.length > MAX_DEPTH) throw this.#problem(`values are nested deeper than ${MAX_DEPTH}`);
    if (values === 0) return;
    this.#left.push(values);
    this.#isMap.push(isMap);
  }

  #extension(length: number): void {
    const type = this.#number(1);
    const code = type === TYPED_ARRAY && length >= 1 ? this.#bytes[this.#position] : undefined;
    const isTypedArray = code === UINT8 || ((code === INT32 || code === FLOAT32) && length % 4 === 1);
    // Extension 0 of one byte is the encoder's `undefined`.
    if (!isTypedArray && !(type === 0 && length === 1))
      throw this.#problem(`an extension of type ${type} is not plain data`);
    this.#skip(length);
  }
}
