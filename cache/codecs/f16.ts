// f16: activations as halves, half the memory. Values are rounded to the nearest half; those too large for one become
// the largest.
import { bitsOf, type CacheCodec } from './cache-codec.js';

/** Two to the difference between the bias of a float's exponent and that of a half. */
const BIAS = 2 ** 112;

export const f16: CacheCodec = {
  name: 'f16',
  summary: 'in half the memory',
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
