import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CHUNK, chunkSquares, numChunks, shardChunks } from '../../engine/comm/chunks.js';
import { normalAt, randomKey } from '../../engine/core/random.js';

const key = randomKey(1, 'chunks');
const data = Float32Array.from({ length: 5 * CHUNK + 123 }, (_, i) => normalAt(key, i) * 10 ** ((i % 13) - 6));

describe('chunks', () => {
  it('are shared out without gap or overlap, by at most one chunk unevenly', () => {
    fc.assert(
      fc.property(fc.nat(500), fc.integer({ min: 1, max: 17 }), (count, owners) => {
        const ranges = shardChunks(count, owners);
        expect(ranges).toHaveLength(owners);
        expect(ranges[0]?.from).toBe(0);
        expect(ranges.at(-1)?.to).toBe(count);
        for (const [i, { from, to }] of ranges.entries()) {
          if (i > 0) expect(from).toBe(ranges[i - 1]?.to);
          expect(to - from === Math.floor(count / owners) || to - from === Math.ceil(count / owners)).toBe(true);
        }
      }),
    );
  });

  it('of a block cover its elements, the last one shorter', () => {
    expect(numChunks(data.length)).toBe(6);
    expect(numChunks(0)).toBe(0);
  });

  it('have sums of squares in eight sums side by side, the same bits for every range asked for', () => {
    const expected = Float64Array.from({ length: 6 }, (_, c) => {
      const s = Array.from({ length: 8 }, (_, lane) =>
        data.subarray(c * CHUNK, (c + 1) * CHUNK).reduce((sum, x, i) => (i % 8 === lane ? sum + x * x : sum), 0),
      );
      const [s0, s1, s2, s3, s4, s5, s6, s7] = s as [number, number, number, number, number, number, number, number];
      return s0 + s4 + (s2 + s6) + (s1 + s5 + (s3 + s7));
    });
    for (let from = 0; from <= 6; from++)
      for (let to = from; to <= 6; to++) expect(chunkSquares(data, from, to)).toEqual(expected.subarray(from, to));
  });
});
