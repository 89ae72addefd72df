// Mutations: damaged frames made from whole ones, by a seed. It knows MessagePack as far as it needs to do harm, and
// nothing of what frames mean.

/** Numbers that look random and come again: mulberry32. */
export class Dice {
  #state;

  /** @param {number} seed */
  constructor(seed) {
    this.#state = seed >>> 0;
  }

  /**
   * A whole number from 0 to below n.
   * @param {number} n
   */
  below(n) {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let t = this.#state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return Math.floor((((t ^ (t >>> 14)) >>> 0) / 2 ** 32) * n);
  }

  /**
   * One of a list that is not empty.
   * @template T
   * @param {readonly T[]} list
   * @returns {T}
   */
  pick(list) {
    return /** @type {T} */ (list[this.below(list.length)]);
  }
}

/** Tokens that announce a length, and how wide it is. */
const LENGTHS = new Map([
  [0xc4, 1],
  [0xc5, 2],
  [0xc6, 4],
  [0xc7, 1],
  [0xc8, 2],
  [0xc9, 4],
  [0xd9, 1],
  [0xda, 2],
  [0xdb, 4],
  [0xdc, 2],
  [0xdd, 4],
  [0xde, 2],
  [0xdf, 4],
]);
const TOKENS = [
  0x00, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0, 0xc1, 0xc2, 0xc3, 0xc4, 0xc6, 0xc7, 0xc9, 0xca, 0xcb, 0xcc,
  0xcf, 0xd0, 0xd3, 0xd4, 0xd5, 0xd8, 0xd9, 0xdb, 0xdc, 0xdd, 0xde, 0xdf, 0xe0, 0xff,
];
/** Extensions that some MessagePack decoders turn into more than data: dates, errors, sets, references, records. */
const EXTENSIONS = [0x00, 0x01, 0x40, 0x42, 0x62, 0x65, 0x69, 0x70, 0x72, 0x73, 0x74, 0x78, 0xff];

/**
 * @param {...ArrayLike<number>} parts
 * @returns {Uint8Array}
 */
function joined(...parts) {
  return Uint8Array.from(Buffer.concat(parts.map((part) => Buffer.from(Array.from(part)))));
}

/**
 * @param {Uint8Array} bytes
 * @param {number} at
 * @param {number} bits
 */
function flip(bytes, at, bits) {
  bytes[at] = (bytes[at] ?? 0) ^ bits;
}

/**
 * @param {Dice} dice
 * @param {Uint8Array} frame
 */
function replaceBytes(dice, frame) {
  const bytes = frame.slice();
  for (let n = 1 + dice.below(16); n > 0; n--) bytes[dice.below(bytes.length)] = dice.below(256);
  return bytes;
}

/** @typedef {(dice: Dice, frame: Uint8Array, other: Uint8Array) => Uint8Array} Mutation */

/**
 * Ways to damage a frame; some take a part of another one.
 * @type {Readonly<Record<string, Mutation>>}
 */
export const MUTATIONS = {
  bitFlips(dice, frame) {
    const bytes = frame.slice();
    for (let n = 1 + dice.below(8); n > 0; n--) flip(bytes, dice.below(bytes.length), 1 << dice.below(8));
    return bytes;
  },
  bytes: replaceBytes,
  truncated: (dice, frame) => frame.slice(0, dice.below(frame.length)),
  extended: (dice, frame) =>
    joined(
      frame,
      Uint8Array.from({ length: 1 + dice.below(64) }, () => dice.below(256)),
    ),
  spliced(dice, frame, other) {
    return joined(frame.subarray(0, dice.below(frame.length)), other.subarray(dice.below(other.length)));
  },
  cutOut(dice, frame) {
    const from = dice.below(frame.length);
    return joined(frame.subarray(0, from), frame.subarray(from + 1 + dice.below(8)));
  },
  doubled(dice, frame) {
    const from = dice.below(frame.length);
    const to = Math.min(frame.length, from + 1 + dice.below(64));
    return joined(frame.subarray(0, to), frame.subarray(from));
  },
  lengthFields(dice, frame) {
    const bytes = frame.slice();
    const places = [...bytes].flatMap((byte, at) => {
      const width = LENGTHS.get(byte);
      return width === undefined ? [] : [{ at, width }];
    });
    if (places.length === 0) return replaceBytes(dice, frame);
    const { at, width } = dice.pick(places);
    const value = dice.pick([0, 1, 0x7f, 0x80, 0xff, 0xffff, 0x10000, 0x7fffffff, 0x80000000, 0xffffffff]);
    for (let i = 0; i < width && at + 1 + i < bytes.length; i++)
      bytes[at + 1 + i] = Math.floor(value / 256 ** (width - 1 - i)) & 0xff;
    return bytes;
  },
  typeSwaps(dice, frame) {
    const bytes = frame.slice();
    for (let n = 1 + dice.below(3); n > 0; n--) bytes[dice.below(bytes.length)] = dice.pick(TOKENS);
    return bytes;
  },
  nestingBomb(dice, frame) {
    const at = 7 + dice.below(Math.max(1, frame.length - 7));
    const token = dice.pick([
      [0x91],
      [0x81, 0xa1, 0x61],
      [0xdc, 0, 1],
      [0xdd, 0, 0, 0, 1],
      [0xdf, 0, 0, 0, 1, 0xa1, 0x61],
    ]);
    return joined(
      frame.subarray(0, at),
      Buffer.concat(Array(1 + dice.below(dice.pick([70, 5000]))).fill(Buffer.from(token))),
      frame.subarray(at),
    );
  },
  hugeLength(dice, frame) {
    const at = 7 + dice.below(Math.max(1, frame.length - 7));
    const token = dice.pick([0xc6, 0xc9, 0xdb, 0xdd, 0xdf]);
    return joined(
      frame.subarray(0, at),
      [token, dice.pick([0x7f, 0xff, 0x40]), 0xff, 0xff, 0xff, 0x74, 0x07],
      frame.subarray(at),
    );
  },
  extensions(dice, frame) {
    const at = 7 + dice.below(Math.max(1, frame.length - 7));
    const type = dice.pick(EXTENSIONS);
    const body = Uint8Array.from({ length: 2 ** dice.below(5) }, () => dice.below(256));
    return joined(frame.subarray(0, at), [0xc7, body.length, type], body, frame.subarray(at + dice.below(4)));
  },
  prototypes(dice, frame) {
    const text = dice.pick([
      '__proto__',
      'constructor',
      'prototype',
      'toString',
      'hasOwnProperty',
      'type',
      '../../etc/passwd',
      'then',
    ]);
    const at = 7 + dice.below(Math.max(1, frame.length - 7));
    return joined(
      frame.subarray(0, at),
      [0xa0 + text.length],
      Buffer.from(text),
      dice.pick([[0xc0], [0x80], [0x81, 0xa1, 0x61, 0x01]]),
      frame.subarray(at + dice.below(12)),
    );
  },
  header(dice, frame) {
    const bytes = frame.slice();
    bytes[dice.below(7)] = dice.below(256);
    return bytes;
  },
};

const KINDS = Object.entries(MUTATIONS);

/**
 * One damaged frame of a seeded kind; it may by chance be whole (see `wholeFrames`).
 * @param {Dice} dice
 * @param {readonly Uint8Array[]} corpus
 */
export function mutate(dice, corpus) {
  const [kind, mutation] = dice.pick(KINDS);
  return { kind, bytes: mutation(dice, dice.pick(corpus), dice.pick(corpus)) };
}

/**
 * Tells the frames of a corpus from everything else.
 * @param {readonly Uint8Array[]} corpus
 */
export function wholeFrames(corpus) {
  const known = new Set(corpus.map((frame) => Buffer.from(frame).toString('latin1')));
  return (/** @type {Uint8Array} */ bytes) => known.has(Buffer.from(bytes).toString('latin1'));
}
