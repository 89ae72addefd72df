// CacheCodec: how the activation of one sample is stored. Some keep every bit; others are smaller and lose some, always
// the same ones: decoding what was encoded is a fixed function of the activation, so whoever computes a record and
// whoever reads it go on with the same numbers.

export interface CacheCodec {
  readonly name: string;
  /** How it stores, in a few words that follow the name: "f16 in half the memory". */
  readonly summary: string;
  /** Whether what is read is what was stored, bit for bit. */
  readonly isExact: boolean;
  /** 32-bit words of a record of `floats` elements. */
  words(floats: number): number;
  /** `to` has `words(from.length)` elements, all of which are written. */
  encode(from: Float32Array, to: Int32Array): void;
  /** The inverse, as far as there is one. */
  decode(from: Int32Array, to: Float32Array): void;
}

/** The same memory as words. */
export const bitsOf = (floats: Float32Array): Int32Array =>
  new Int32Array(floats.buffer, floats.byteOffset, floats.length);
