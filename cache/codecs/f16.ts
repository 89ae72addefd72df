// f16: activations as halves, half the memory. Values are rounded to the nearest half; those too large for one become
// the largest.
import { nearestHalf } from '../../engine/tensor/float16.js';
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
    for (let i = 0; i < bits.length; i++) out[i] = nearestHalf(bits[i] as number);
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
