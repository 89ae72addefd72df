import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { present } from '../../engine/core/invariant.js';
import { stageMemory } from '../../pipeline/costs.js';
import { runsOf } from '../../pipeline/partition.js';
import { choosePipeline } from '../../pipeline/planner.js';
import { chunksOf, scheduleName, SCHEDULES } from '../../pipeline/schedules/registry.js';
import { asking, block, PLANNER_INPUT, type PlannerChange } from './cost-model.js';

const base = PLANNER_INPUT;

describe('the planner', () => {
  it('picks plain data parallelism where exchange is free', () => {
    const choice = choosePipeline(base);
    // 8 blocks of 1 + 2 ms, 2 micro-batches per replica.
    expect(choice).toMatchObject({
      K: 1,
      R: 4,
      cuts: [0],
      schedule: '1f1b',
      microBatches: 2,
      predictedStepMs: 48,
      predictedBubble: 0,
    });
    expect(choice.ranges).toEqual([0, 2, 4, 6].map((start) => ({ start, count: 2 })));
  });

  it('picks a pipeline where gradients are dear', () => {
    const choice = choosePipeline(asking(base, { rules: { schedule: '1f1b' }, rates: { reduceMsPerMB: 20 } }));
    expect(choice).toMatchObject({ K: 4, R: 1, cuts: [0, 2, 4, 6] });
    // (M + K - 1) micro-batches of 2 blocks of 3 ms.
    expect(choice.predictedStepMs).toBe((8 + 3) * 6);
    expect(choice.predictedBubble).toBeCloseTo(3 / 11, 12); // one division each side
  });

  it('adds reduction and update of the slowest stage to the schedule', () => {
    const choice = choosePipeline(
      asking(base, {
        rules: { schedule: '1f1b' },
        shape: { fixedK: 2, fixedR: 2 },
        rates: { reduceMsPerMB: 0.5, updateMsPerMB: 0.25 },
      }),
    );
    // Stages of 4 blocks: (4 + 1) * 12 ms; 4 MB exchanged at R = 2, which is the unit, and updated.
    expect(choice.predictedStepMs).toBe(60 + 4 * 0.5 + 4 * 0.25);
  });

  it('adds transfers between stages', () => {
    const input = asking(base, { shape: { fixedK: 2, fixedR: 1 }, batch: { numMicroBatches: 1 } });
    // One micro-batch crosses one border twice, 0.5 MB each time.
    expect(
      choosePipeline(asking(input, { rates: { transferMsPerMB: 4 } })).predictedStepMs -
        choosePipeline(input).predictedStepMs,
    ).toBe(4);
  });

  it('counts every hand-over and the handling between two actions, where there is somebody to hand over to', () => {
    const input = asking(base, {
      shape: { fixedK: 2, fixedR: 1 },
      batch: { numMicroBatches: 1 },
      rules: { schedule: '1f1b' },
    });
    const costOf = (change: PlannerChange): number =>
      choosePipeline(asking(input, change)).predictedStepMs -
      choosePipeline(asking(input, { shape: { fixedK: change.shape?.fixedK ?? 2 } })).predictedStepMs;
    // Down and up again; and on the second stage from the forward to the backward.
    expect(costOf({ rates: { handoverMs: 4 } })).toBe(8);
    expect(costOf({ rates: { handlingMs: 1 } })).toBe(1);
    expect(costOf({ shape: { fixedK: 1 }, rates: { handoverMs: 4, handlingMs: 1 } })).toBe(0);
  });

  it('takes the interleaved schedule where blocks are long, and another one where hand-overs are', () => {
    const input = asking(base, { shape: { fixedK: 2, fixedR: 1 } });
    const scheduleAt = (handoverMs: number, handlingMs: number): unknown =>
      choosePipeline(
        asking(input, {
          model: { costs: base.model.costs.map((cost) => ({ ...cost, inputGradientMs: 2, weightGradientMs: 2 })) },
          rates: { handoverMs, handlingMs },
        }),
      ).schedule;
    expect(scheduleAt(0, 0)).toBe('interleaved');
    expect(scheduleAt(2, 1)).toBe('gpipe');
  });

  it('explains its choice with the numbers of the best alternative', () => {
    const { reason, rejected } = choosePipeline(asking(base, { rules: { schedule: '1f1b' }, crew: { workers: 2 } }));
    expect(reason).toBe(
      'K=1, R=2 (1f1b, 4 micro-batches of 4) is predicted to take 96.0 ms a step, bubble 0.0 %; next best is ' +
        'K=2, R=1 with 108.0 ms (12.5 % slower)',
    );
    expect(rejected).toEqual([
      { K: 2, R: 1, predictedStepMs: 108, why: '12.5 % slower' },
      { K: 1, R: 1, predictedStepMs: 192, why: '100.0 % slower' },
    ]);
    expect(choosePipeline(asking(base, { crew: { workers: 1 } })).reason).toContain('the only choice for 1 worker');
    const fixed = { fixedK: 2, fixedR: 1 };
    expect(choosePipeline(asking(base, { shape: fixed })).reason).toMatch(
      /only choice for .* and the shape asked for$/,
    );
    // Nobody asked for it where something else fixes it.
    const kept = choosePipeline(asking(base, { shape: { ...fixed, fixedBecause: 'the shape stays as it was' } }));
    expect(kept.reason).toMatch(/; the shape stays as it was$/);
  });

  it('uses fewer replicas than fit where more would not help', () => {
    // Five replicas are more than there are micro-batches; three replicas take as long as two, because one of them has
    // two micro-batches.
    expect(
      choosePipeline(asking(base, { crew: { workers: 5 }, batch: { numMicroBatches: 4 }, shape: { maxK: 1 } })),
    ).toMatchObject({ K: 1, R: 4 });
    expect(
      choosePipeline(asking(base, { crew: { workers: 3 }, batch: { numMicroBatches: 4 }, shape: { maxK: 1 } })),
    ).toMatchObject({
      K: 1,
      R: 2,
      microBatches: 2,
    });
  });

  it('prefers 1F1B to an equally fast GPipe, and obeys the one asked for', () => {
    // Halves that cost more than the whole backward leave nothing to gain from splitting it; 4 stages of one block
    // leave nothing to interleave.
    const dear = base.model.costs.slice(0, 4).map((cost) => ({ ...cost, inputGradientMs: 2, weightGradientMs: 2 }));
    expect(choosePipeline(asking(base, { model: { costs: dear }, shape: { fixedK: 4 } })).schedule).toBe('1f1b');
    const gpipe = choosePipeline(asking(base, { shape: { fixedK: 4 }, rules: { schedule: 'gpipe' } }));
    expect(gpipe.schedule).toBe('gpipe');
    expect(present(gpipe.memoryPerWorker[3], 'memory')).toBeGreaterThan(
      present(
        choosePipeline(asking(base, { shape: { fixedK: 4 }, rules: { schedule: '1f1b' } })).memoryPerWorker[3],
        'memory',
      ),
    );
  });

  it('takes ZB-H1 or interleaved 1F1B where they fill the bubble', () => {
    // 4 stages of F = I = W = 2 ms: ZB-H1 idles (K - 1)(F + I - W) = 6 ms beside 8 * 6 ms of work, 1F1B 18 ms.
    const zero = choosePipeline(asking(base, { shape: { fixedK: 4 }, rules: { schedule: 'zb-h1' } }));
    expect(choosePipeline(asking(base, { shape: { fixedK: 4, fixedR: 1 } })).predictedStepMs).toBeLessThanOrEqual(
      zero.predictedStepMs,
    );
    // Stage 0 has no input gradient to compute: its W is the whole backward, so the end of the step is a little longer
    // than the formula.
    expect(zero.predictedStepMs).toBeLessThan(8 * 6 + 18);
    const interleaved = choosePipeline(
      asking(base, { shape: { fixedK: 4, fixedR: 1 }, rules: { schedule: 'interleaved' } }),
    );
    expect(interleaved.cuts).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
    expect(interleaved.memoryPerWorker).toHaveLength(4);
    expect(interleaved.predictedStepMs).toBe(8 * 6 + 9);
  });

  it('says why a schedule cannot run, and falls back to 1F1B only where it may', () => {
    const input = asking(base, {
      shape: { fixedK: 4, fixedR: 1 },
      batch: { numMicroBatches: 6 },
      rules: { schedule: 'interleaved' },
    });
    expect(() => choosePipeline(input)).toThrow('M=6 is not a multiple of K=4');
    const other = choosePipeline(asking(input, { rules: { mayChangeSchedule: true } }));
    expect(other.schedule).toBe('1f1b');
    expect(other.reason).toContain(
      'interleaved cannot run here (the interleaved schedule sends micro-batches in groups of K, but M=6 is ' +
        'not a multiple of K=4)',
    );
  });

  it('never makes a pipeline longer than the longest allowed', () => {
    expect(choosePipeline(asking(base, { rates: { reduceMsPerMB: 20 }, shape: { maxK: 2 } }))).toMatchObject({
      K: 2,
      R: 1,
    });
  });

  describe('with frozen blocks', () => {
    const frozen = asking(base, { model: { frozen: 4 }, crew: { workers: 1 }, batch: { numMicroBatches: 1 } });

    it('leaves them out of the stages and charges their forward to stage 0', () => {
      expect(choosePipeline(frozen)).toMatchObject({ cuts: [4], predictedStepMs: 4 + 12 });
    });

    it('charges the read of the cache instead where there is one', () => {
      expect(choosePipeline(asking(frozen, { model: { cacheReadMs: 0.5 } }))).toMatchObject({
        predictedStepMs: 0.5 + 12,
      });
    });

    it('gives stage 0 fewer blocks the more the prefix takes', () => {
      expect(choosePipeline(asking(frozen, { crew: { workers: 2 }, shape: { fixedK: 2 } })).cuts).toEqual([4, 5]);
      expect(
        choosePipeline(asking(frozen, { crew: { workers: 2 }, shape: { fixedK: 2 }, model: { cacheReadMs: 0 } })).cuts,
      ).toEqual([4, 6]);
    });

    it('shortens the pipeline when the memory of the start allows it', () => {
      const start = choosePipeline(asking(base, { shape: { fixedK: 4 } }));
      const memoryLimit = Math.max(...start.memoryPerWorker);
      const lengths = [0, 2, 4, 6, 7].map(
        (depth) =>
          choosePipeline(asking(base, { model: { frozen: depth }, shape: { maxK: 4 }, memory: { limit: memoryLimit } }))
            .K,
      );
      expect(lengths[0]).toBe(4);
      expect(lengths.at(-1)).toBe(1);
      expect([...lengths].sort((a, b) => b - a)).toEqual(lengths);
    });
  });

  describe('under a memory limit', () => {
    it('lists what does not fit with both numbers', () => {
      const choice = choosePipeline(asking(base, { crew: { workers: 2 }, memory: { limit: 30e6 } }));
      expect(choice).toMatchObject({ K: 2, R: 1 });
      expect(choice.rejected).toContainEqual({
        K: 1,
        R: 2,
        predictedStepMs: null,
        why: 'needs 40.5 MB on a worker, the limit is 30.0 MB',
      });
      expect(choice.reason).toContain('K=1, R=1 needs 40.5 MB');
    });

    it('fails with both numbers where nothing fits', () => {
      expect(() => choosePipeline(asking(base, { crew: { workers: 2 }, memory: { limit: 10e6 } }))).toThrow(
        /the nearest one needs \d+\.\d MB on a worker, the limit is 10\.0 MB/,
      );
    });
  });

  describe('with the partition of the paper', () => {
    it('balances parameters, not time', () => {
      const costs = [block(9, 1), block(1, 3), block(1, 3), block(1, 1)];
      expect(
        choosePipeline(asking(base, { model: { costs }, shape: { fixedK: 2 }, rules: { partition: 'paper' } })).cuts,
      ).toEqual([0, 2]);
      expect(choosePipeline(asking(base, { model: { costs }, shape: { fixedK: 2 } })).cuts).toEqual([0, 1]);
    });

    it('rejects lengths that it leaves a stage empty for', () => {
      const costs = [block(1, 24), ...Array.from({ length: 6 }, () => block(1, 2))];
      const choice = choosePipeline(
        asking(base, {
          model: { costs },
          rules: { partition: 'paper' },
          crew: { workers: 4 },
          rates: { reduceMsPerMB: 1e3 },
        }),
      );
      const empty = choice.rejected.filter(({ predictedStepMs }) => predictedStepMs === null);
      expect(empty.length).toBeGreaterThan(0);
      for (const { why } of empty) expect(why).toMatch(/leaves stage \d of \d without a block/);
      expect(() =>
        choosePipeline(
          asking(base, {
            model: { costs },
            rules: { partition: 'paper' },
            shape: { fixedK: present(empty[0], 'rejected').K },
          }),
        ),
      ).toThrow('without a block');
    });
  });

  it.each([
    [{ shape: { fixedK: 5 } }, 'PT_NOT_ENOUGH_WORKERS', 'a pipeline of 5 stages needs 5 workers, but there are 4'],
    [
      { shape: { fixedR: 5 } },
      'PT_NOT_ENOUGH_WORKERS',
      '5 replicas of a pipeline of 1 stage need 5 workers, but there are 4',
    ],
    [
      { shape: { fixedK: 2, fixedR: 3 } },
      'PT_NOT_ENOUGH_WORKERS',
      '3 replicas of a pipeline of 2 stages need 6 workers, but there are 4',
    ],
    [
      { shape: { fixedK: 3 }, model: { frozen: 6 } },
      'PT_TOO_MANY_STAGES',
      '3 pipeline stages need 3 active blocks, but there are 2 (8 blocks, 6 of them frozen)',
    ],
    [
      { shape: { fixedR: 4 }, batch: { numMicroBatches: 3 } },
      'PT_TOO_MANY_REPLICAS',
      '4 replicas need a micro-batch each, but a step has 3 micro-batches of 4 samples',
    ],
    [{ crew: { workers: 0 } }, 'PT_NOT_ENOUGH_WORKERS', 'a pipeline of 1 stage needs 1 worker, but there are 0'],
  ])('refuses %j', (change, code, message) => {
    try {
      choosePipeline(asking(base, change));
    } catch (error) {
      expect(error).toMatchObject({ code, message, exitCode: 2 });
      expect((error as { hint: string }).hint).toMatch(/^Use --/);
      return;
    }
    throw new Error('it was accepted');
  });

  it('always answers with a plan that can run and that no rejected one beats', () => {
    const costs = fc
      .array(fc.tuple(fc.double({ min: 0.01, max: 9, noNaN: true }), fc.integer({ min: 1, max: 9 })), {
        minLength: 2,
        maxLength: 8,
      })
      .map((list) => list.map(([ms, mb]) => block(ms, mb)));
    const inputs = fc.record({
      model: fc.record({ costs, frozen: fc.nat(1) }),
      crew: fc.record({ workers: fc.integer({ min: 1, max: 5 }) }),
      batch: fc.record({ numMicroBatches: fc.integer({ min: 1, max: 9 }) }),
      rates: fc.record({
        reduceMsPerMB: fc.double({ min: 0, max: 5, noNaN: true }),
        transferMsPerMB: fc.double({ min: 0, max: 5, noNaN: true }),
      }),
      rules: fc.record({ schedule: fc.constantFrom('auto' as const, ...SCHEDULES.names) }),
    });
    fc.assert(
      fc.property(inputs, (change) => {
        const input = asking(base, change);
        const choice = choosePipeline(input);
        const runs = runsOf(choice.cuts, input.model.costs.length);
        expect(runs).toHaveLength(choice.K * chunksOf(scheduleName(choice.schedule), choice.K));
        expect(choice.memoryPerWorker).toHaveLength(choice.K);
        expect(runs[0]?.from).toBe(input.model.frozen);
        for (const { from, to } of runs) expect(to).toBeGreaterThan(from);
        expect(choice.K * choice.R).toBeLessThanOrEqual(input.crew.workers);
        expect(choice.ranges).toHaveLength(choice.R);
        expect(choice.memoryPerWorker.at(-1)).toBeGreaterThanOrEqual(
          stageMemory(input.model.costs, present(choice.cuts.at(-1), 'cut'), input.model.costs.length, 1),
        );
        // A nanosecond: the planner compares no finer.
        for (const { predictedStepMs } of choice.rejected)
          expect(predictedStepMs ?? Infinity).toBeGreaterThanOrEqual(choice.predictedStepMs - 1e-6);
        expect(choice.reason).toMatch(/^K=\d+, R=\d+ .* ms a step/);
      }),
    );
  });
});
