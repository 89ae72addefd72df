// bfloat16: float32 numbers as their upper halves, rounded to nearest, ties to even (IEEE 754). Conversions of arrays
// in JavaScript; programs have ops for it (fused/rounding.ts).
import { invariant } from '../core/invariant.js';

const QUIET = 0x40;

const wordsOf = (floats: Float32Array): Uint32Array => new Uint32Array(floats.buffer, floats.byteOffset, floats.length);

/** Writes every number of `from` to `to`, rounded. What is no number stays none; what is too large becomes infinite. */
export function roundToBfloat16(from: Float32Array, to: Uint16Array): void {
  invariant(from.length === to.length, () => `${from.length} numbers rounded into ${to.length}`);
  const words = wordsOf(from);
  for (let i = 0; i < words.length; i++) {
    const word = words[i] as number;
    // Adding could carry the bits of a NaN over into those of an infinity.
    const isNaN = (word & 0x7fffffff) > 0x7f800000;
    to[i] = isNaN ? (word >>> 16) | QUIET : (word + 0x7fff + ((word >>> 16) & 1)) >>> 16;
  }
}

/** Writes the numbers that `from` stands for to `to`; nothing is lost. */
export function widenBfloat16(from: Uint16Array, to: Float32Array): void {
  invariant(from.length === to.length, () => `${from.length} numbers widened into ${to.length}`);
  const words = wordsOf(to);
  for (let i = 0; i < words.length; i++) words[i] = (from[i] as number) << 16;
}
