import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { roundToBfloat16, widenBfloat16 } from '../../engine/tensor/bfloat16.js';
import { hostRound, round } from '../../engine/tensor/fused-reference/rounding.js';
import * as tf from '../../engine/tensor/tf.js';

import '#tfjs-cpu';

const rounded = (x: number): number => {
  const [halves, wide] = [new Uint16Array(1), new Float32Array(1)];
  roundToBfloat16(Float32Array.of(x), halves);
  widenBfloat16(halves, wide);
  return wide[0] as number;
};
const floatOf = (word: number): number => new Float32Array(Uint32Array.of(word).buffer)[0] as number;
/** Any 32 bits, read as a float. */
const words = fc.integer({ min: 0, max: 0xffffffff }).map(floatOf);
/** Halfway between two neighbours, where rounding has to choose; normal numbers. */
const ties = fc
  .tuple(fc.integer({ min: 0x0100, max: 0x7f00 }), fc.boolean())
  .map(([half, isNegative]) => floatOf(((half << 16) | 0x8000) >>> 0) * (isNegative ? -1 : 1));

describe('rounding to bfloat16', () => {
  it('takes the nearest of all that there are, the even one of two', () => {
    fc.assert(
      fc.property(fc.oneof(words, ties), (x) => {
        const y = rounded(x);
        if (Number.isNaN(x)) return void expect(y).toBeNaN();
        if (Math.abs(x) >= 2 ** 127 * (2 - 2 ** -8)) return void expect(y).toBe(Math.sign(x) * Infinity);
        // Neighbours of a bfloat16 differ by one in its bits.
        const [bits, half] = [new Float32Array(1), new Uint16Array(1)];
        roundToBfloat16(Float32Array.of(y), half);
        const own = half[0] as number;
        for (const other of [own - 1, own + 1]) {
          if ((other & 0x7f80) === 0x7f80 || other < 0 || (own & 0x7fff) === 0) continue;
          widenBfloat16(Uint16Array.of(other), bits);
          const [near, far] = [Math.abs(x - y), Math.abs(x - (bits[0] as number))];
          expect(near).toBeLessThanOrEqual(far);
          if (near === far) expect(own % 2).toBe(0);
        }
      }),
      { numRuns: 2000 },
    );
  });

  it('composed of ordinary ops gives the same, for backends that know no bits', () => {
    fc.assert(
      fc.property(fc.array(fc.oneof(words, ties), { minLength: 20, maxLength: 20 }), (values) => {
        // Below the normal range the splitting itself is no longer exact; devices take such numbers for zeros.
        const x = Float32Array.from(values, (v) => (Math.abs(v) < 2 ** -100 ? 0 : v));
        tf.tidy(() => {
          const tensor = tf.tensor(x);
          const [composed, host] = [round, hostRound].map((one) => one([tensor], {})[0]?.dataSync());
          expect(composed).toEqual(host);
        });
      }),
      { numRuns: 300 },
    );
  });
});
