// How elementwise chains are cut into tiles.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { tileCount } from '../../engine/tensor/ops/tile.js';

describe('tiles', () => {
  it('divide the rows, and hold at most 64 Ki and at least 16 Ki elements', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 1 << 16 }), fc.integer({ min: 1, max: 4096 }), (rows, width) => {
        const count = tileCount(rows, width);
        expect(rows % count).toBe(0);
        if (count === 1) return;
        const elements = (rows / count) * width;
        expect(elements).toBeLessThanOrEqual(64 * 1024);
        expect(elements).toBeGreaterThanOrEqual(16 * 1024);
      }),
    );
  });

  it('are as large as they may be', () => {
    expect(tileCount(1024, 256)).toBe(4);
    expect(tileCount(1024 * 1024, 1)).toBe(16);
  });

  it('are not made where all fits the cache, or where the rows have no divisor', () => {
    expect(tileCount(784, 64)).toBe(1);
    expect(tileCount(1021, 1024)).toBe(1);
  });
});
