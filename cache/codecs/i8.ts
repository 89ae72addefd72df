// i8: activations as bytes with a scale for every few of them, a quarter of the memory.
import type { CacheCodec } from './cache-codec.js';

/** Elements that share a scale: few enough that one outlier spoils little, many enough that scales cost a sixteenth. */
const GROUP = 64;
const GROUP_WORDS = 1 + GROUP / 4;

export const i8: CacheCodec = {
  name: 'i8',
  summary: 'in a quarter',
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
