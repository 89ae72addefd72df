import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { codecFor, type CodecName, codecOf, CODECS, throughCodec } from '../../cache/codec.js';

const roundTrip = (name: CodecName, values: Float32Array): Float32Array => {
  const codec = codecOf(name);
  const words = new Int32Array(codec.words(values.length));
  codec.encode(values, words);
  const out = new Float32Array(values.length);
  codec.decode(words, out);
  return out;
};
const floats = fc
  .array(fc.float({ noNaN: true, noDefaultInfinity: true, min: -1000, max: 1000 }), { minLength: 1, maxLength: 300 })
  .map((list) => Float32Array.from(list));

describe('a codec', () => {
  it('f32 keeps every bit, NaN payloads and signed zeros included', () => {
    const bits = Int32Array.of(0x7fc12345, -0x80000000, 1, 0x7f800000, 0x3f800001);
    const out = roundTrip('f32', new Float32Array(bits.buffer));
    expect(new Int32Array(out.buffer)).toEqual(bits);
  });

  it.each([
    [1, 1],
    [-2.5, -2.5],
    [65504, 65504],
    [1e6, 65504], // saturates instead of overflowing
    [-Infinity, -65504],
    [2049, 2048], // a tie goes to the even mantissa
    [2051, 2052],
    [2 ** -24, 2 ** -24], // the smallest half
    [2 ** -25, 0], // a tie between it and zero
    [1.5 * 2 ** -25, 2 ** -24],
    [2 ** -14, 2 ** -14], // the smallest normal half
    [0.1, 0.0999755859375],
  ])('f16 stores %d as the nearest half, %d', (value, stored) => {
    expect(roundTrip('f16', Float32Array.of(value))[0]).toBe(stored);
  });

  it('f16 keeps a NaN a NaN and every half itself', () => {
    expect(roundTrip('f16', Float32Array.of(NaN))[0]).toBeNaN();
    const halves = Int32Array.from({ length: 2 ** 15 }, (_, i) => i | (((i * 7) & 0x7fff) << 16)).filter(
      (word) => ((word >>> 10) & 31) !== 31 && ((word >>> 26) & 31) !== 31,
    );
    const decoded = new Float32Array(2 * halves.length);
    codecOf('f16').decode(halves, decoded);
    const again = new Int32Array(halves.length);
    codecOf('f16').encode(decoded, again);
    expect(again).toEqual(halves);
  });

  it.each([
    [1, 1],
    [1 + 2 ** -8, 1], // a tie goes to the even mantissa
    [1 + 3 * 2 ** -8, 1 + 2 ** -6],
    [-3e38, -226 * 2 ** 120],
    [3 * 2 ** -134, 2 ** -132], // below the normal range a bfloat16 has steps of 2^-133
    [0.1, 0.10009765625],
  ])('bf16 stores %d as the nearest bfloat16, %d', (value, stored) => {
    expect(roundTrip('bf16', Float32Array.of(value))[0]).toBe(stored);
  });

  it('of activations that are bfloat16 keeps every bit in half the memory, asked for or not', () => {
    const halves = Uint16Array.from({ length: 2 ** 16 }, (_, i) => i).filter((half) => (half & 0x7f80) !== 0x7f80);
    const wide = new Float32Array(Uint32Array.from(halves, (half) => half << 16).buffer);
    for (const name of ['f32', 'bf16']) {
      const codec = codecFor(name, 'bfloat16');
      const words = new Int32Array(codec.words(wide.length));
      codec.encode(wide, words);
      const out = new Float32Array(wide.length);
      codec.decode(words, out);
      expect([codec.isExact, words.byteLength]).toEqual([true, wide.byteLength / 2]);
      expect(new Uint32Array(out.buffer)).toEqual(new Uint32Array(wide.buffer));
    }
    expect([codecFor('bf16', 'float32').isExact, codecFor('i8', 'bfloat16').name]).toEqual([false, 'i8']);
  });

  it('i8 is off by at most half a step of its group of 64', () => {
    fc.assert(
      fc.property(floats, (values) => {
        const out = roundTrip('i8', values);
        for (let start = 0; start < values.length; start += 64) {
          const group = values.subarray(start, start + 64);
          const step = Math.max(...group.map(Math.abs)) / 127;
          // The scale is rounded to a float, and so is each product: a few parts in 10^7 of the largest value, 127
          // steps away. Groups of nothing but subnormal numbers, below 1e-40, lose them.
          for (const [i, value] of group.entries())
            expect(Math.abs((out[start + i] as number) - value)).toBeLessThanOrEqual(step * (0.5 + 1e-4) + 1e-40);
        }
      }),
    );
  });

  it('i8 keeps zeros, and passes on a NaN', () => {
    expect(roundTrip('i8', new Float32Array(70))).toEqual(new Float32Array(70));
    expect(roundTrip('i8', Float32Array.of(1, NaN))[0]).toBeNaN();
  });

  it('gives who computes the same numbers as who reads', () => {
    fc.assert(
      fc.property(fc.constantFrom(...CODECS.names), floats, (name, values) => {
        const computed = Float32Array.from([...values, ...values]);
        throughCodec(codecOf(name), computed, 1, values.length);
        expect(computed.subarray(values.length)).toEqual(roundTrip(name, values));
        expect(computed.subarray(0, values.length)).toEqual(values);
      }),
    );
  });

  it('is as small as promised', () => {
    expect(CODECS.all.map((codec) => codec.words(3136))).toEqual([3136, 1568, 1568, 833]);
  });
});
