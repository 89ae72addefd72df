// bf16: activations as bfloat16, half the memory: the range of a float with 8 bits of its mantissa. In a bf16 run they
// are bfloat16 already, and nothing is lost.
import { roundToBfloat16, widenBfloat16 } from '../../engine/tensor/bfloat16.js';
import type { CacheCodec } from './cache-codec.js';

const halvesOf = (words: Int32Array, length: number): Uint16Array =>
  new Uint16Array(words.buffer, words.byteOffset, length);

export const bf16: CacheCodec = {
  name: 'bf16',
  summary: 'in half the memory, exactly in a bf16 run',
  isExact: false,
  words: (floats) => Math.ceil(floats / 2),
  encode(from, to) {
    roundToBfloat16(from, halvesOf(to, from.length));
    if (from.length % 2 === 1) halvesOf(to, 2 * to.length)[from.length] = 0;
  },
  decode(from, to) {
    widenBfloat16(halvesOf(from, to.length), to);
  },
};
