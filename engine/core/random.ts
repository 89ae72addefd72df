// Counter-based random numbers: every draw is a pure function of (seed, purpose, coordinates, counter), so that the
// same number comes out on every worker, in every order, after every resume. Not a stream: there is no "next" shared by
// callers.

/**
 * Mixes a 32-bit word to another one; the finaliser of MurmurHash3 (public domain), a bijection with full avalanche.
 */
function mix(word: number): number {
  let h = word | 0;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) | 0;
}

/** A place in the space of random numbers. */
export interface RandomKey {
  readonly high: number;
  readonly low: number;
}

/** The key for (seed, purpose, coordinates...). Coordinates are integers below 2^53 or strings. */
export function randomKey(seed: number, purpose: string, ...coordinates: readonly (number | string)[]): RandomKey {
  let high = 0x243f6a88;
  let low = 0x13198a2e;
  const absorb = (word: number): void => {
    high = mix(high ^ word);
    low = mix((low + Math.imul(high, 0x9e3779b1)) ^ (word + 0x7f4a7c15));
  };
  const absorbNumber = (value: number): void => {
    absorb(value | 0);
    absorb(Math.floor(value / 0x1_0000_0000) | 0);
  };
  const absorbText = (text: string): void => {
    for (let i = 0; i < text.length; i++) absorb(text.charCodeAt(i));
    absorb(-1 - text.length);
  };
  absorbNumber(seed);
  absorbText(purpose);
  for (const part of coordinates) {
    if (typeof part === 'number') absorbNumber(part);
    else absorbText(part);
  }
  return { high, low };
}

/** 32 uniform bits at position `counter` (below 2^32) of the key, as an unsigned integer. */
export function bitsAt(key: RandomKey, counter: number): number {
  return mix(mix(Math.imul(counter, 0x9e3779b1) ^ key.low) + key.high) >>> 0;
}

/** Uniform in [0, 1) with 24 bits, exactly representable as a 32-bit float. */
export function uniformAt(key: RandomKey, counter: number): number {
  return (bitsAt(key, counter) >>> 8) * 2 ** -24;
}

/** Standard normal at position `counter` (Box-Muller; uses the positions 2*counter and 2*counter + 1). */
export function normalAt(key: RandomKey, counter: number): number {
  const radius = Math.sqrt(-2 * Math.log(1 - uniformAt(key, 2 * counter)));
  return radius * Math.cos(2 * Math.PI * uniformAt(key, 2 * counter + 1));
}

/** A permutation of 0..n-1 that depends on the key alone (Fisher-Yates). */
export function permutation(key: RandomKey, n: number): Uint32Array {
  const order = Uint32Array.from({ length: n }, (_, i) => i);
  for (let i = n - 1; i > 0; i--) {
    // Multiply-shift keeps the bias below n / 2^32; a rejection loop would make the draw count data-dependent.
    const j = Math.floor((bitsAt(key, i) / 2 ** 32) * (i + 1));
    const swap = order[i] as number;
    order[i] = order[j] as number;
    order[j] = swap;
  }
  return order;
}

/** Fills out[from, from + n) with the uniforms of positions 0..n-1 of the key. */
export function fillUniform(key: RandomKey, out: Float32Array, from: number, n: number): void {
  const { high, low } = key;
  for (let i = 0; i < n; i++) {
    // `bitsAt` written out: this loop draws every dropout mask.
    let h = Math.imul(i, 0x9e3779b1) ^ low;
    h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
    h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
    h = ((h ^ (h >>> 16)) + high) | 0;
    h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
    h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
    out[from + i] = ((h ^ (h >>> 16)) >>> 8) * 2 ** -24;
  }
}
