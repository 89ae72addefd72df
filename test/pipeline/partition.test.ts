import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { UsageError } from '../../engine/core/errors.js';
import { stageMemory, sumCosts } from '../../pipeline/costs.js';
import { type Cuts, exactPartition, PartitionError, runsOf } from '../../pipeline/partition.js';
import { blocks } from './cost-model.js';

/** All cut lists of the blocks [frozen, n) into K runs, in lexicographic order. */
function allCuts(frozen: number, n: number, K: number): Cuts[] {
  if (K === 1) return [[frozen]];
  return Array.from({ length: n - frozen - 1 }, (_, i) => frozen + 1 + i).flatMap((next) =>
    n - next >= K - 1 ? allCuts(next, n, K - 1).map((rest) => [frozen, ...rest]) : [],
  );
}

const cases = fc
  .record({
    times: fc.array(fc.integer({ min: 0, max: 20 }), { minLength: 1, maxLength: 9 }),
    extra: fc.integer({ min: 0, max: 40 }),
    limit: fc.option(fc.integer({ min: 1, max: 60 })),
  })
  .chain(({ times, ...rest }) =>
    fc
      .nat(times.length - 1)
      .chain((frozen) =>
        fc.integer({ min: 1, max: times.length - frozen }).map((stages) => ({ times, frozen, stages, ...rest })),
      ),
  );

describe('the exact partition', () => {
  it('is the first of the best of all partitions', () => {
    fc.assert(
      fc.property(cases, ({ times, frozen, stages, extra, limit }) => {
        const costs = blocks(...times);
        // Memory that grows with the stage and with what the run holds; any rule will do.
        const memoryOf = (stage: number, from: number, to: number): number =>
          sumCosts(costs, from, to).forwardMs + 3 * stage;
        const worst = (cuts: Cuts): number =>
          Math.max(
            ...runsOf(cuts, costs.length).map(({ from, to }, stage) => {
              if (limit !== null && memoryOf(stage, from, to) > limit) return Infinity;
              return 3 * sumCosts(costs, from, to).forwardMs + (stage === 0 ? extra : 0);
            }),
          );
        const best = allCuts(frozen, costs.length, stages).reduce<Cuts | null>(
          (kept, cuts) => (worst(cuts) < (kept === null ? Infinity : worst(kept)) ? cuts : kept),
          null,
        );
        expect(exactPartition({ costs, frozen, stages, extraMs: extra, memoryLimit: limit, memoryOf })).toEqual(best);
      }),
      { numRuns: 500 },
    );
  });

  it('does not let rounding break ties', () => {
    // 0.1 + 0.2 > 0.3 in floating point; as times they are equal, and the first cut list wins.
    expect(exactPartition({ costs: blocks(0.3, 0.1, 0.2, 0.3), frozen: 0, stages: 3 })).toEqual([0, 1, 3]);
    expect(exactPartition({ costs: blocks(0.1, 0.2, 0.3), frozen: 0, stages: 2 })).toEqual([0, 2]);
  });

  it('is null where nothing fits into memory', () => {
    expect(
      exactPartition({ costs: blocks(1, 1), frozen: 0, stages: 2, memoryLimit: 9, memoryOf: () => 10 }),
    ).toBeNull();
  });

  it('cuts a hundred blocks into eight runs at once', () => {
    const cuts = exactPartition({ costs: blocks(...Array.from({ length: 100 }, () => 1)), frozen: 4, stages: 8 });
    expect(runsOf(cuts ?? [], 100).map(({ from, to }) => to - from)).toEqual([12, 12, 12, 12, 12, 12, 12, 12]);
  });

  it('refuses more stages than active blocks with both numbers and the remedy', () => {
    const attempt = (): unknown => exactPartition({ costs: blocks(1, 1, 1), frozen: 1, stages: 3 });
    expect(attempt).toThrow(PartitionError);
    expect(attempt).toThrow('3 pipeline stages need 3 active blocks, but there are 2 (3 blocks, 1 of them frozen)');
    try {
      attempt();
    } catch (error) {
      expect(error).toMatchObject({
        code: 'PT_TOO_MANY_STAGES',
        hint: 'Use --pipeline 2 or less, or --pipeline auto.',
      });
      expect(error).toBeInstanceOf(UsageError);
    }
  });
});

describe('the memory of a stage', () => {
  it('counts state once and activations per micro-batch in flight', () => {
    // Two blocks: (1 + 2 + 1) MB of state each; 1 MB saved each and 0.5 MB of output per micro-batch.
    expect(stageMemory(blocks(1, 1, 1), 1, 3, 3)).toBe(8e6 + 3 * 2.5e6);
  });

  it('counts the frozen prefix with its parameters and its output alone', () => {
    expect(stageMemory(blocks(1, 1, 1), 2, 3, 2, { frozen: 2 })).toBe(4e6 + 2e6 + 2 * (1.5e6 + 0.5e6));
  });
});
