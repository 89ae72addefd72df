// CacheCodec: how the activation of one sample is stored. `f32` keeps every bit; `f16` and `i8` are smaller and lose
// some, always the same ones: decoding what was encoded is a fixed function of the activation, so whoever computes a
// record and whoever reads it go on with the same numbers.
import { invariant } from '../engine/core/invariant.js';

export const CODEC_NAMES = ['f32', 'f16', 'i8'] as const;
export type CodecName = (typeof CODEC_NAMES)[number];

export interface CacheCodec {
  readonly name: CodecName;
  readonly isExact: boolean;
  /** 32-bit words of a record of `floats` elements. */
  words(floats: number): number;
  /** `to` has `words(from.length)` elements. */
  encode(from: Float32Array, to: Int32Array): void;
  /** The inverse, as far as there is one. */
  decode(from: Int32Array, to: Float32Array): void;
}

const f32: CacheCodec = {
  name: 'f32',
  isExact: true,
  words: (floats) => floats,
  encode: (from, to) => to.set(bitsOf(from)),
  decode: (from, to) => bitsOf(to).set(from),
};

/** Two to the difference between the bias of a float's exponent and that of a half. */
const BIAS = 2 ** 112;

const f16: CacheCodec = {
  name: 'f16',
  isExact: false,
  words: (floats) => Math.ceil(floats / 2),
  encode(from, to) {
    const bits = bitsOf(from);
    const out = new Uint16Array(to.buffer, to.byteOffset, 2 * to.length);
    for (let i = 0; i < bits.length; i++) out[i] = halfOf(bits[i] as number);
    if (out.length > bits.length) out[bits.length] = 0;
  },
  decode(from, to) {
    const halves = new Uint16Array(from.buffer, from.byteOffset, 2 * from.length);
    const bits = bitsOf(to);
    for (let i = 0; i < to.length; i++) {
      const half = halves[i] as number;
      // Read as a float, the fields of a half are those of a number smaller by the difference of the biases, subnormal
      // ones included.
      bits[i] = ((half & 0x8000) << 16) | ((half & 0x7fff) << 13);
      to[i] = (half & 0x7c00) === 0x7c00 ? NaN : (to[i] as number) * BIAS;
    }
  },
};

/** The nearest half of the float with these bits, ties to even. */
function halfOf(bits: number): number {
  const sign = (bits >>> 16) & 0x8000;
  const magnitude = bits & 0x7fffffff;
  if (magnitude > 0x7f800000) return sign | 0x7e00; // NaN
  // the largest half, 65504, and what is above it: a large activation stays finite
  if (magnitude >= 0x477fe000) return sign | 0x7bff;
  if (magnitude >= 0x38800000) {
    // Normal: the exponent is moved from a bias of 127 to one of 15, 13 bits of the mantissa are rounded off.
    const odd = (magnitude >>> 13) & 1;
    return sign | ((magnitude - 0x38000000 + 0xfff + odd) >>> 13);
  }
  if (magnitude < 0x33000000) return sign; // below half of the smallest subnormal
  const shift = 126 - (magnitude >>> 23);
  const mantissa = (magnitude & 0x7fffff) | 0x800000;
  const half = mantissa >>> shift;
  const rest = mantissa & ((1 << shift) - 1);
  const middle = 1 << (shift - 1);
  return sign | (half + (rest > middle || (rest === middle && (half & 1) === 1) ? 1 : 0));
}

/** Elements that share a scale: few enough that one outlier spoils little, many enough that scales cost a sixteenth. */
const GROUP = 64;
const GROUP_WORDS = 1 + GROUP / 4;

const i8: CacheCodec = {
  name: 'i8',
  isExact: false,
  words: (floats) => Math.ceil(floats / GROUP) * GROUP_WORDS,
  encode(from, to) {
    const bytes = new Int8Array(to.buffer, to.byteOffset, 4 * to.length);
    const scales = new Float32Array(to.buffer, to.byteOffset, to.length);
    to.fill(0);
    for (let group = 0, start = 0; start < from.length; group++, start += GROUP) {
      const end = Math.min(start + GROUP, from.length);
      let most = 0;
      for (let i = start; i < end; i++) {
        const size = Math.abs(from[i] as number);
        // Not Math.max: a NaN has to reach the scale.
        if (!(size <= most)) most = size;
      }
      const scale = Math.fround(most / 127);
      scales[group * GROUP_WORDS] = scale;
      const factor = scale > 0 ? 1 / scale : 0;
      const place = 4 * (group * GROUP_WORDS + 1) - start;
      for (let i = start; i < end; i++) {
        const scaled = (from[i] as number) * factor;
        bytes[place + i] = scaled < 0 ? scaled - 0.5 : scaled + 0.5;
      }
    }
  },
  decode(from, to) {
    const bytes = new Int8Array(from.buffer, from.byteOffset, 4 * from.length);
    const scales = new Float32Array(from.buffer, from.byteOffset, from.length);
    for (let group = 0, start = 0; start < to.length; group++, start += GROUP) {
      const scale = scales[group * GROUP_WORDS] as number;
      const place = 4 * (group * GROUP_WORDS + 1) - start;
      for (let i = start; i < Math.min(start + GROUP, to.length); i++) to[i] = (bytes[place + i] as number) * scale;
    }
  },
};

const CODECS: Readonly<Record<CodecName, CacheCodec>> = { f32, f16, i8 };

export const codecOf = (name: CodecName): CacheCodec => CODECS[name];

/** The numbers of rows [row, row + 1) of `rows` as a reader of the record would get them. */
export function throughCodec(codec: CacheCodec, rows: Float32Array, row: number, recordFloats: number): void {
  if (codec.isExact) return;
  const own = rows.subarray(row * recordFloats, (row + 1) * recordFloats);
  invariant(own.length === recordFloats, () => `row ${row} of ${recordFloats} floats in an array of ${rows.length}`);
  const words = new Int32Array(codec.words(recordFloats));
  codec.encode(own, words);
  codec.decode(words, own);
}

const bitsOf = (floats: Float32Array): Int32Array => new Int32Array(floats.buffer, floats.byteOffset, floats.length);
