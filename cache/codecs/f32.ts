// f32: activations as they are.
import { bitsOf, type CacheCodec } from './cache-codec.js';

export const f32: CacheCodec = {
  name: 'f32',
  summary: 'exactly',
  isExact: true,
  words: (floats) => floats,
  encode: (from, to) => to.set(bitsOf(from)),
  decode: (from, to) => bitsOf(to).set(from),
};
