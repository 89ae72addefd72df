import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { present } from '../../engine/core/invariant.js';
import { stageMemory } from '../../pipeline/costs.js';
import { runsOf } from '../../pipeline/partition.js';
import { choosePipeline, type PlannerInput } from '../../pipeline/planner.js';
import { chunksOf, scheduleName, SCHEDULES } from '../../pipeline/schedules/registry.js';
import { block, PLANNER_INPUT } from './cost-model.js';

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
    const choice = choosePipeline({ ...base, schedule: '1f1b', reduceMsPerMB: 20 });
    expect(choice).toMatchObject({ K: 4, R: 1, cuts: [0, 2, 4, 6] });
    // (M + K - 1) micro-batches of 2 blocks of 3 ms.
    expect(choice.predictedStepMs).toBe((8 + 3) * 6);
    expect(choice.predictedBubble).toBeCloseTo(3 / 11, 12); // one division each side
  });

  it('adds reduction and update of the slowest stage to the schedule', () => {
    const choice = choosePipeline({
      ...base,
      schedule: '1f1b',
      fixedK: 2,
      fixedR: 2,
      reduceMsPerMB: 0.5,
      updateMsPerMB: 0.25,
    });
    // Stages of 4 blocks: (4 + 1) * 12 ms; 4 MB exchanged at R = 2, which is the unit, and updated.
    expect(choice.predictedStepMs).toBe(60 + 4 * 0.5 + 4 * 0.25);
  });

  it('adds transfers between stages', () => {
    const input = { ...base, fixedK: 2, fixedR: 1, numMicroBatches: 1 };
    // One micro-batch crosses one border twice, 0.5 MB each time.
    expect(
      choosePipeline({ ...input, transferMsPerMB: 4 }).predictedStepMs - choosePipeline(input).predictedStepMs,
    ).toBe(4);
  });

  it('counts every hand-over and the handling between two actions, where there is somebody to hand over to', () => {
    const input = { ...base, fixedK: 2, fixedR: 1, numMicroBatches: 1, schedule: '1f1b' as const };
    const costOf = (change: Partial<PlannerInput>): number =>
      choosePipeline({ ...input, ...change }).predictedStepMs -
      choosePipeline({ ...input, fixedK: change.fixedK ?? 2 }).predictedStepMs;
    // Down and up again; and on the second stage from the forward to the backward.
    expect(costOf({ handoverMs: 4 })).toBe(8);
    expect(costOf({ handlingMs: 1 })).toBe(1);
    expect(costOf({ fixedK: 1, handoverMs: 4, handlingMs: 1 })).toBe(0);
  });

  it('takes the interleaved schedule where blocks are long, and another one where hand-overs are', () => {
    const input = { ...base, fixedK: 2, fixedR: 1 };
    const scheduleAt = (handoverMs: number, handlingMs: number): unknown =>
      choosePipeline({
        ...input,
        costs: base.costs.map((cost) => ({ ...cost, inputGradientMs: 2, weightGradientMs: 2 })),
        handoverMs,
        handlingMs,
      }).schedule;
    expect(scheduleAt(0, 0)).toBe('interleaved');
    expect(scheduleAt(2, 1)).toBe('gpipe');
  });

  it('explains its choice with the numbers of the best alternative', () => {
    const { reason, rejected } = choosePipeline({ ...base, schedule: '1f1b', workers: 2 });
    expect(reason).toBe(
      'K=1, R=2 (1f1b, 4 micro-batches of 4) is predicted to take 96.0 ms a step, bubble 0.0 %; next best is ' +
        'K=2, R=1 with 108.0 ms (12.5 % slower)',
    );
    expect(rejected).toEqual([
      { K: 2, R: 1, predictedStepMs: 108, why: '12.5 % slower' },
      { K: 1, R: 1, predictedStepMs: 192, why: '100.0 % slower' },
    ]);
    expect(choosePipeline({ ...base, workers: 1 }).reason).toContain('the only choice for 1 worker');
  });

  it('uses fewer replicas than fit where more would not help', () => {
    // Five replicas are more than there are micro-batches; three replicas take as long as two, because one of them has
    // two micro-batches.
    expect(choosePipeline({ ...base, workers: 5, numMicroBatches: 4, maxK: 1 })).toMatchObject({ K: 1, R: 4 });
    expect(choosePipeline({ ...base, workers: 3, numMicroBatches: 4, maxK: 1 })).toMatchObject({
      K: 1,
      R: 2,
      microBatches: 2,
    });
  });

  it('prefers 1F1B to an equally fast GPipe, and obeys the one asked for', () => {
    // Halves that cost more than the whole backward leave nothing to gain from splitting it; 4 stages of one block
    // leave nothing to interleave.
    const dear = base.costs.slice(0, 4).map((cost) => ({ ...cost, inputGradientMs: 2, weightGradientMs: 2 }));
    expect(choosePipeline({ ...base, costs: dear, fixedK: 4 }).schedule).toBe('1f1b');
    const gpipe = choosePipeline({ ...base, fixedK: 4, schedule: 'gpipe' });
    expect(gpipe.schedule).toBe('gpipe');
    expect(present(gpipe.memoryPerWorker[3], 'memory')).toBeGreaterThan(
      present(choosePipeline({ ...base, fixedK: 4, schedule: '1f1b' }).memoryPerWorker[3], 'memory'),
    );
  });

  it('takes ZB-H1 or interleaved 1F1B where they fill the bubble', () => {
    // 4 stages of F = I = W = 2 ms: ZB-H1 idles (K - 1)(F + I - W) = 6 ms beside 8 * 6 ms of work, 1F1B 18 ms.
    const zero = choosePipeline({ ...base, fixedK: 4, schedule: 'zb-h1' });
    expect(choosePipeline({ ...base, fixedK: 4, fixedR: 1 }).predictedStepMs).toBeLessThanOrEqual(zero.predictedStepMs);
    // Stage 0 has no input gradient to compute: its W is the whole backward, so the end of the step is a little longer
    // than the formula.
    expect(zero.predictedStepMs).toBeLessThan(8 * 6 + 18);
    const interleaved = choosePipeline({ ...base, fixedK: 4, fixedR: 1, schedule: 'interleaved' });
    expect(interleaved.cuts).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
    expect(interleaved.memoryPerWorker).toHaveLength(4);
    expect(interleaved.predictedStepMs).toBe(8 * 6 + 9);
  });

  it('says why a schedule cannot run, and falls back to 1F1B only where it may', () => {
    const input = { ...base, fixedK: 4, fixedR: 1, numMicroBatches: 6, schedule: 'interleaved' } as const;
    expect(() => choosePipeline(input)).toThrow('M=6 is not a multiple of K=4');
    const other = choosePipeline({ ...input, mayChangeSchedule: true });
    expect(other.schedule).toBe('1f1b');
    expect(other.reason).toContain(
      'interleaved cannot run here (the interleaved schedule sends micro-batches in groups of K, but M=6 is ' +
        'not a multiple of K=4)',
    );
  });

  it('never makes a pipeline longer than the longest allowed', () => {
    expect(choosePipeline({ ...base, reduceMsPerMB: 20, maxK: 2 })).toMatchObject({ K: 2, R: 1 });
  });

  describe('with frozen blocks', () => {
    const frozen = { ...base, frozen: 4, workers: 1, numMicroBatches: 1 };

    it('leaves them out of the stages and charges their forward to stage 0', () => {
      expect(choosePipeline(frozen)).toMatchObject({ cuts: [4], predictedStepMs: 4 + 12 });
    });

    it('charges the read of the cache instead where there is one', () => {
      expect(choosePipeline({ ...frozen, usesCache: true, cacheReadMs: 0.5 })).toMatchObject({
        predictedStepMs: 0.5 + 12,
      });
    });

    it('gives stage 0 fewer blocks the more the prefix takes', () => {
      expect(choosePipeline({ ...frozen, workers: 2, fixedK: 2 }).cuts).toEqual([4, 5]);
      expect(choosePipeline({ ...frozen, workers: 2, fixedK: 2, usesCache: true }).cuts).toEqual([4, 6]);
    });

    it('shortens the pipeline when the memory of the start allows it', () => {
      const start = choosePipeline({ ...base, fixedK: 4 });
      const memoryLimit = Math.max(...start.memoryPerWorker);
      const lengths = [0, 2, 4, 6, 7].map(
        (depth) => choosePipeline({ ...base, frozen: depth, maxK: 4, memoryLimit }).K,
      );
      expect(lengths[0]).toBe(4);
      expect(lengths.at(-1)).toBe(1);
      expect([...lengths].sort((a, b) => b - a)).toEqual(lengths);
    });
  });

  describe('under a memory limit', () => {
    it('lists what does not fit with both numbers', () => {
      const choice = choosePipeline({ ...base, workers: 2, memoryLimit: 30e6 });
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
      expect(() => choosePipeline({ ...base, workers: 2, memoryLimit: 10e6 })).toThrow(
        /the nearest one needs \d+\.\d MB on a worker, the limit is 10\.0 MB/,
      );
    });
  });

  describe('with the partition of the paper', () => {
    it('balances parameters, not time', () => {
      const costs = [block(9, 1), block(1, 3), block(1, 3), block(1, 1)];
      expect(choosePipeline({ ...base, costs, fixedK: 2, partition: 'paper' }).cuts).toEqual([0, 2]);
      expect(choosePipeline({ ...base, costs, fixedK: 2 }).cuts).toEqual([0, 1]);
    });

    it('rejects lengths that it leaves a stage empty for', () => {
      const costs = [block(1, 24), ...Array.from({ length: 6 }, () => block(1, 2))];
      const choice = choosePipeline({ ...base, costs, partition: 'paper', workers: 4, reduceMsPerMB: 1e3 });
      const empty = choice.rejected.filter(({ predictedStepMs }) => predictedStepMs === null);
      expect(empty.length).toBeGreaterThan(0);
      for (const { why } of empty) expect(why).toMatch(/leaves stage \d of \d without a block/);
      expect(() =>
        choosePipeline({ ...base, costs, partition: 'paper', fixedK: present(empty[0], 'rejected').K }),
      ).toThrow('without a block');
    });
  });

  it.each([
    [{ fixedK: 5 }, 'PT_NOT_ENOUGH_WORKERS', 'a pipeline of 5 stages needs 5 workers, but there are 4'],
    [{ fixedR: 5 }, 'PT_NOT_ENOUGH_WORKERS', '5 replicas of a pipeline of 1 stage need 5 workers, but there are 4'],
    [
      { fixedK: 2, fixedR: 3 },
      'PT_NOT_ENOUGH_WORKERS',
      '3 replicas of a pipeline of 2 stages need 6 workers, but there are 4',
    ],
    [
      { fixedK: 3, frozen: 6 },
      'PT_TOO_MANY_STAGES',
      '3 pipeline stages need 3 active blocks, but there are 2 (8 blocks, 6 of them frozen)',
    ],
    [
      { fixedR: 4, numMicroBatches: 3 },
      'PT_TOO_MANY_REPLICAS',
      '4 replicas need a micro-batch each, but a step has 3 micro-batches of 4 samples',
    ],
    [{ workers: 0 }, 'PT_NOT_ENOUGH_WORKERS', 'a pipeline of 1 stage needs 1 worker, but there are 0'],
  ])('refuses %j', (change, code, message) => {
    try {
      choosePipeline({ ...base, ...change });
    } catch (error) {
      expect(error).toMatchObject({ code, message, exitCode: 2 });
      expect((error as { hint: string }).hint).toMatch(/^Use --/);
      return;
    }
    throw new Error('it was accepted');
  });

  it('always answers with a plan that can run and that no rejected one beats', () => {
    const inputs = fc.record({
      costs: fc
        .array(fc.tuple(fc.double({ min: 0.01, max: 9, noNaN: true }), fc.integer({ min: 1, max: 9 })), {
          minLength: 2,
          maxLength: 8,
        })
        .map((list) => list.map(([ms, mb]) => block(ms, mb))),
      frozen: fc.nat(1),
      workers: fc.integer({ min: 1, max: 5 }),
      numMicroBatches: fc.integer({ min: 1, max: 9 }),
      reduceMsPerMB: fc.double({ min: 0, max: 5, noNaN: true }),
      transferMsPerMB: fc.double({ min: 0, max: 5, noNaN: true }),
      schedule: fc.constantFrom('auto' as const, ...SCHEDULES.names),
    });
    fc.assert(
      fc.property(inputs, (change) => {
        const input = { ...base, ...change };
        const choice = choosePipeline(input);
        const runs = runsOf(choice.cuts, input.costs.length);
        expect(runs).toHaveLength(choice.K * chunksOf(scheduleName(choice.schedule), choice.K));
        expect(choice.memoryPerWorker).toHaveLength(choice.K);
        expect(runs[0]?.from).toBe(input.frozen);
        for (const { from, to } of runs) expect(to).toBeGreaterThan(from);
        expect(choice.K * choice.R).toBeLessThanOrEqual(input.workers);
        expect(choice.ranges).toHaveLength(choice.R);
        expect(choice.memoryPerWorker.at(-1)).toBeGreaterThanOrEqual(
          stageMemory(input.costs, present(choice.cuts.at(-1), 'cut'), input.costs.length, 1),
        );
        // A nanosecond: the planner compares no finer.
        for (const { predictedStepMs } of choice.rejected)
          expect(predictedStepMs ?? Infinity).toBeGreaterThanOrEqual(choice.predictedStepMs - 1e-6);
        expect(choice.reason).toMatch(/^K=\d+, R=\d+ .* ms a step/);
      }),
    );
  });
});
