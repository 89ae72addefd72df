import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type MicroRange, splitMicroBatches, treeNodes } from '../../pipeline/micro-ranges.js';

const sizes = fc.integer({ min: 1, max: 24 }).chain((G) => fc.integer({ min: 1, max: G }).map((R) => ({ G, R })));
const total = (ranges: readonly MicroRange[]): number => ranges.reduce((sum, range) => sum + treeNodes(range), 0);

/** All ways to place the sizes `small` and `small + 1` (numLarge of them) one after another. */
function arrangements(R: number, small: number, numLarge: number, start = 0): MicroRange[][] {
  if (R === 0) return [[]];
  return [1, 0].flatMap((large) => {
    if (large > numLarge || (large === 0 && numLarge > R - 1)) return [];
    const first = { start, count: small + large };
    return arrangements(R - 1, small, numLarge - large, start + first.count).map((rest) => [first, ...rest]);
  });
}

describe('the micro-batches of replicas', () => {
  it('are consecutive, cover the batch and differ by at most one', () => {
    fc.assert(
      fc.property(sizes, ({ G, R }) => {
        const ranges = splitMicroBatches(G, R);
        expect(ranges).toHaveLength(R);
        expect(ranges.flatMap(({ start, count }) => Array.from({ length: count }, (_, i) => start + i))).toEqual(
          Array.from({ length: G }, (_, m) => m),
        );
        const counts = ranges.map(({ count }) => count);
        expect(Math.max(...counts) - Math.min(...counts)).toBeLessThanOrEqual(1);
      }),
    );
  });

  it('are made of as few tree nodes as any such split', () => {
    fc.assert(
      fc.property(
        fc
          .integer({ min: 1, max: 20 })
          .chain((G) => fc.integer({ min: 1, max: Math.min(G, 9) }).map((R) => ({ G, R }))),
        ({ G, R }) => {
          expect(total(splitMicroBatches(G, R))).toBe(
            Math.min(...arrangements(R, Math.floor(G / R), G % R).map(total)),
          );
        },
      ),
      { numRuns: 60 },
    );
  });

  it('are single tree nodes where both G and R are powers of two', () => {
    for (const [G, R] of [
      [8, 4],
      [16, 2],
      [32, 8],
      [4, 4],
      [64, 1],
    ] as const)
      for (const range of splitMicroBatches(G, R)) expect(treeNodes(range)).toBe(1);
  });

  it('put the odd one where it breaks the fewest nodes', () => {
    expect(splitMicroBatches(5, 2)).toEqual([
      { start: 0, count: 2 },
      { start: 2, count: 3 },
    ]);
    expect(splitMicroBatches(6, 4).map(({ count }) => count)).toEqual([2, 2, 1, 1]);
  });

  it('cannot be fewer than the replicas', () => {
    expect(() => splitMicroBatches(2, 3)).toThrow('2 micro-batches over 3 replicas');
  });

  it.each([
    [0, 8, 1],
    [0, 7, 3],
    [2, 3, 2],
    [1, 6, 4],
    [8, 4, 1],
    [6, 4, 2],
  ])('from %d, %d of them are %d tree nodes', (start, count, nodes) => {
    expect(treeNodes({ start, count })).toBe(nodes);
  });
});
