import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { stageMemory } from '../../pipeline/costs.js';
import { choosePipeline } from '../../pipeline/planner.js';
import { parseRecompute, recomputes } from '../../pipeline/recompute.js';
import { asking, blocks, PLANNER_INPUT } from './cost-model.js';

const base = asking(PLANNER_INPUT, {
  model: { costs: blocks(1, 1, 1, 1) },
  crew: { workers: 2 },
  shape: { fixedK: 2, fixedR: 1 },
  rules: { schedule: 'gpipe' },
});

describe('recomputation in the planner', () => {
  it('keeps the saved tensors of one micro-batch instead of all in flight', () => {
    // 2 blocks: 8 MB of parameters, gradients and states; 2 MB saved and 0.5 MB of output per micro-batch; 8 in flight.
    expect(stageMemory(base.model.costs, 0, 2, 8)).toBe(8e6 + 8 * 2.5e6);
    expect(stageMemory(base.model.costs, 0, 2, 8, { isRecomputed: true })).toBe(8e6 + 2e6 + 8 * 0.5e6);
    expect(choosePipeline(asking(base, { memory: { recompute: 'on' } })).memoryPerWorker).toEqual([14e6, 14e6]);
  });

  it('costs a forward more per micro-batch', () => {
    // Stages of 2 blocks: forward 2 ms, backward 4 ms, or 6 ms with the second forward; M + K - 1 = 9 of both.
    expect(choosePipeline(base)).toMatchObject({ predictedStepMs: 9 * 6, recompute: [false, false] });
    expect(choosePipeline(asking(base, { memory: { recompute: 'on' } }))).toMatchObject({
      predictedStepMs: 9 * 8,
      recompute: [true, true],
    });
  });

  it('is chosen by auto only where a stage would not fit, and the reason says so', () => {
    const memoryLimit = 27e6;
    expect(
      choosePipeline(asking(base, { memory: { recompute: 'auto', limit: 28e6, recomputeLimit: 28e6 } })).recompute,
    ).toEqual([false, false]);
    const choice = choosePipeline(
      asking(base, { memory: { recompute: 'auto', limit: memoryLimit, recomputeLimit: memoryLimit } }),
    );
    expect(choice.recompute).toEqual([true, true]);
    expect(choice.reason).toContain(
      'with the forward of stage 0, 1 recomputed, which the memory limit of 27.0 MB asks for',
    );
    expect(() => choosePipeline(asking(base, { memory: { recompute: 'off', limit: memoryLimit } }))).toThrow(
      /the nearest one needs 28\.0 MB on a worker, the limit is 27\.0 MB/,
    );
  });

  it('moves the cut where a stage that recomputes is slower', () => {
    // One list entry: stage 0 pays 1 ms more per block, so it gets fewer of them.
    const choice = choosePipeline(
      asking(base, { model: { costs: blocks(1, 1, 1, 1, 1, 1, 1) }, memory: { recompute: [0] } }),
    );
    expect(choice).toMatchObject({ cuts: [0, 3], recompute: [true, false] });
  });

  it('never fits less than without, and never exceeds the limit', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 5, max: 60 }),
        fc.integer({ min: 1, max: 12 }),
        fc.constantFrom('gpipe' as const, '1f1b' as const),
        (megabytes, numMicroBatches, schedule) => {
          const input = asking(base, {
            batch: { numMicroBatches },
            rules: { schedule },
            memory: { limit: megabytes * 1e6, recomputeLimit: megabytes * 1e6 },
          });
          const fits = (recompute: 'off' | 'auto'): boolean => {
            try {
              const choice = choosePipeline(asking(input, { memory: { recompute } }));
              expect(Math.max(...choice.memoryPerWorker)).toBeLessThanOrEqual(megabytes * 1e6);
              return true;
            } catch {
              return false;
            }
          };
          if (fits('off')) expect(fits('auto')).toBe(true);
        },
      ),
    );
  });

  it('has nothing to do for a stage that holds one micro-batch', () => {
    for (const mode of ['on', 'auto', [0]] as const)
      expect(recomputes({ mode, stage: 0, live: 1, plainBytes: 2, limit: 1 })).toBe(false);
  });

  it.each([
    ['off', 'off'],
    ['on', 'on'],
    ['auto', 'auto'],
    ['0,2', [0, 2]],
  ] as const)('"%s" is read', (text, mode) => {
    expect(parseRecompute(text)).toEqual(mode);
  });
});
