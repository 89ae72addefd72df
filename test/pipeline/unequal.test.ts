// Workers that are not equally fast: who takes which place, and how much of the work.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { choosePipeline } from '../../pipeline/planner.js';
import { placeWorkers } from '../../pipeline/unequal.js';
import { asking, blocks, PLANNER_INPUT } from './cost-model.js';

const base = asking(PLANNER_INPUT, { crew: { workers: 2 }, rules: { schedule: '1f1b' } });

/** All ways to share out `total` micro-batches, one at least for each. */
function shares(total: number, replicas: number): number[][] {
  if (replicas === 1) return [[total]];
  return Array.from({ length: total - replicas + 1 }, (_, i) =>
    shares(total - 1 - i, replicas - 1).map((rest) => [1 + i, ...rest]),
  ).flat();
}

describe('replicas', () => {
  it('get micro-batches by their speed: no other way of sharing them out is done earlier', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 2, maxLength: 4 }),
        fc.integer({ min: 4, max: 10 }),
        (slowness, total) => {
          const { seats, ranges } = placeWorkers(slowness, 1, slowness.length, total);
          const counts = ranges.map(({ count }) => count);
          expect(counts.reduce((sum, count) => sum + count, 0)).toBe(total);
          expect(ranges.map(({ start }) => start)).toEqual(
            counts.map((_, i) => counts.slice(0, i).reduce((sum, count) => sum + count, 0)),
          );
          const speeds = seats === null ? slowness : seats.map(([worker]) => slowness[worker as number] as number);
          expect([...speeds].sort()).toEqual([...slowness].sort());
          const longest = (some: readonly number[]): number =>
            Math.max(...some.map((count, i) => count * (speeds[i] as number)));
          expect(longest(counts)).toBe(Math.min(...shares(total, slowness.length).map(longest)));
        },
      ),
    );
  });
  it('are predicted to take what the slowest takes for its share', () => {
    const choice = choosePipeline(asking(base, { crew: { slowness: [3, 1] }, shape: { fixedK: 1 } }));
    // 6 micro-batches of 24 ms on the fast one, 2 of 72 ms on the other.
    expect(choice).toMatchObject({
      K: 1,
      R: 2,
      seats: [[1], [0]],
      ranges: [
        { start: 0, count: 6 },
        { start: 6, count: 2 },
      ],
      predictedStepMs: 144,
    });
  });
  it('do without a worker that would make the others wait', () => {
    expect(choosePipeline(asking(base, { crew: { slowness: [1, 20] } }))).toMatchObject({
      K: 1,
      R: 1,
      seats: [[0]],
      predictedStepMs: 8 * 24,
    });
  });
});

describe('a pipeline', () => {
  it('gives a slow worker fewer blocks', () => {
    const choice = choosePipeline(asking(base, { crew: { slowness: [3, 1] }, shape: { fixedK: 2, fixedR: 1 } }));
    expect(choice).toMatchObject({ cuts: [0, 6], seats: [[1, 0]], slowness: [1, 3] });
    // Stages of 18 ms, as those of two equal workers with six blocks each would be.
    expect(choice.predictedStepMs).toBe(
      choosePipeline(
        asking(base, { model: { costs: blocks(1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1) }, shape: { fixedK: 2, fixedR: 1 } }),
      ).predictedStepMs,
    );
  });
  it('has workers alike in one place of all its replicas', () => {
    expect(
      choosePipeline(asking(base, { crew: { workers: 4, slowness: [2, 1, 2, 1] }, shape: { fixedK: 2, fixedR: 2 } })),
    ).toMatchObject({
      seats: [
        [1, 0],
        [3, 2],
      ],
      slowness: [1, 2],
    });
  });
});

describe('workers that are equally fast', () => {
  it('are planned for as if nothing were known of them', () => {
    for (const schedule of ['auto', 'interleaved'] as const)
      expect(
        choosePipeline(asking(base, { rules: { schedule }, crew: { workers: 4, slowness: [1, 1, 1, 1] } })),
      ).toEqual(choosePipeline(asking(base, { rules: { schedule }, crew: { workers: 4 } })));
    expect(choosePipeline(base).seats).toBeNull();
  });
});
