// What an ablation says of its runs: rows, target, speed-ups, shares. Pure, with events made up here.
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { makeAblation, type RecordedRun, secondsToTarget, targetBelow } from '../../engine/ablation/ablation.js';
import { ABLATION_CASES, type AblationCase, ablationOrder } from '../../engine/ablation/ablation-case.js';
import { type TrainConfigInput, trainConfigSchema } from '../../engine/core/config.js';
import type { RunEvent } from '../../engine/events/events.js';
import { SHARE_NAMES, timeShares } from '../../engine/events/time-shares.js';

const byName = (name: string): AblationCase => ABLATION_CASES.find((one) => one.name === name) as AblationCase;
const config = (changes: Partial<TrainConfigInput>) =>
  trainConfigSchema.parse({ model: 'vit', data: 'synthetic:digits', ...changes });

const evaluation = (time: number, step: number, metric: number): RunEvent => ({
  time,
  type: 'evaluation',
  step,
  epoch: 1,
  loss: 1,
  metric,
  metricName: 'accuracy',
  samples: 10,
  seconds: 0.5,
});
const finished = (time: number, weightsSha256: string): RunEvent => ({
  time,
  type: 'run.finished',
  steps: 1,
  samplesSeen: 1,
  finalLoss: 1,
  metric: { name: 'accuracy', value: 0 },
  wallSeconds: time,
  trainSeconds: 1,
  weightsSha256,
  lossSha256: '',
  isInterrupted: false,
});
const stepEvent = (
  time: number,
  seconds: number,
  shares: {
    readonly bubbleShare: number;
    readonly commShare: number;
    readonly computeShare: number;
    readonly cacheShare: number;
  },
  step = 0,
): RunEvent => ({
  time,
  type: 'step',
  step,
  epoch: 0,
  loss: 1,
  lr: 1,
  gradNorm: 1,
  samples: 1,
  seconds,
  generation: 0,
  frozen: 0,
  K: 2,
  R: 1,
  cacheHits: 0,
  cacheMisses: 0,
  ...shares,
});

/** A run whose metric takes these values every 10 seconds. */
const run = (name: string, seed: number, metrics: readonly number[], weights = 'a', slowness = 1): RecordedRun => ({
  case: byName(name),
  seed,
  folder: `${name}-${seed}`,
  events: [
    ...metrics.map((metric, i) => evaluation((i + 1) * 10 * slowness, i + 1, metric)),
    finished((metrics.length * 10 + 1) * slowness, weights),
  ],
});

describe('the shares of the wall clock', () => {
  it('are those of the events', () => {
    const shares = timeShares([
      stepEvent(6, 4, { bubbleShare: 0.25, commShare: 0.125, computeShare: 0.5, cacheShare: 0.125 }),
      evaluation(8, 1, 0.5),
      finished(10, 'a'),
    ]);
    expect(shares).toEqual({
      start: 0.2,
      compute: 0.2,
      bubble: 0.1,
      communication: 0.05,
      cache: 0.05,
      transition: 0,
      validation: 0.05,
      other: expect.closeTo(0.35, 12) as number,
    });
  });
  it('add up to 1, also where the clocks of the workers disagree with that of the run', () => {
    const share = fc.double({ min: 0, max: 1, noNaN: true });
    const step = fc.record({
      seconds: fc.double({ min: 0, max: 5, noNaN: true }),
      bubbleShare: share,
      commShare: share,
      computeShare: share,
      cacheShare: share,
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 5 }), fc.double({ min: 0, max: 30, noNaN: true }), (steps, wall) => {
        const shares = timeShares([
          ...steps.map(({ seconds, ...rest }, i) => stepEvent(i, seconds, rest, i)),
          finished(wall, 'a'),
        ]);
        const values = SHARE_NAMES.map((name) => shares[name]);
        // Eight quotients and seven sums, each rounded once.
        expect(values.reduce((a, b) => a + b, 0)).toBeCloseTo(1, 12);
        for (const value of values) expect(value).toBeGreaterThanOrEqual(0);
      }),
    );
  });
});

describe('the time to a target', () => {
  const events = [evaluation(1, 1, 0.5), evaluation(2, 2, 0.9), evaluation(3, 3, 0.7)];
  it('is that of the first validation that reaches it, in either direction', () => {
    expect(secondsToTarget(events, 0.7, true)).toBe(2);
    expect(secondsToTarget(events, 0.95, true)).toBeNull();
    expect(secondsToTarget(events, 0.5, false)).toBe(1);
    expect(secondsToTarget(events, 0.4, false)).toBeNull();
  });
  it('ignores a validation that was done again', () => {
    expect(secondsToTarget([evaluation(2, 2, 0.9), evaluation(5, 2, 0.6), evaluation(6, 3, 0.9)], 0.9, true)).toBe(6);
  });
  it('has a target of 0.3 points, or percent, below the final value', () => {
    expect(targetBelow(0.9, true)).toBeCloseTo(0.897, 12);
    expect(targetBelow(2, false)).toBeCloseTo(2.006, 12);
  });
});

describe('an ablation', () => {
  const cases = ['baseline', 'best', 'all'].map(byName);
  const runs = [
    run('baseline', 1, [0.5, 0.7, 0.9]),
    run('best', 1, [0.5, 0.7, 0.9], 'a', 0.8),
    run('all', 1, [0.6, 0.898, 0.91], 'b', 0.5),
    run('baseline', 2, [0.5, 0.79, 0.8]),
    run('best', 2, [0.5, 0.79, 0.8], 'a', 0.8),
    run('all', 2, [0.6, 0.7, 0.81], 'b', 0.5),
  ];
  it('takes the target of each seed from the row without freezing, and means over the seeds', () => {
    const { rows, seeds, sameBits } = makeAblation(cases, runs, null);
    expect(seeds).toEqual([1, 2]);
    expect(rows.map(({ secondsToTarget: seconds }) => seconds)).toEqual([30, 24, 12.5]);
    expect(rows[2]).toMatchObject({
      numReached: 2,
      speedup: { toTarget: 30 / 12.5, wall: 2 },
      overBest: { toTarget: 24 / 12.5 },
    });
    expect(rows[2]?.metric).toBeCloseTo(0.86, 12);
    expect(sameBits).toEqual({ unfrozen: true, frozen: null });
  });
  it('has no time for a row of which a seed never reached the target, and says how many did', () => {
    const { rows } = makeAblation(cases, runs, 0.85);
    expect(rows.map((row) => [row.secondsToTarget, row.numReached])).toEqual([
      [null, 1],
      [null, 1],
      [null, 1],
    ]);
    expect(rows[2]?.speedup).toEqual({ wall: 2, toTarget: null });
  });
  it('counts only seeds that every row has', () => {
    expect(makeAblation(cases, runs.slice(0, 5), null)).toMatchObject({
      seeds: [1],
      rows: [{ metric: 0.9 }, { metric: 0.9 }, { metric: 0.91 }],
    });
  });
  it('tells where rows that should be equal are not', () => {
    expect(
      makeAblation(
        cases,
        runs.map((one) => (one.case.name === 'best' ? run('best', one.seed, [0.5], 'c') : one)),
        null,
      ).sameBits.unfrozen,
    ).toBe(false);
  });
});

describe('the cases', () => {
  it('begin with the stages asked for, or two, and give every worker a place', () => {
    expect(byName('baseline').settings(config({ devices: 'cpu:4' }))).toMatchObject({
      freeze: 'none',
      pipeline: 2,
      replicas: 2,
      schedule: 'gpipe',
      dp: 'off',
      cache: 'off',
    });
    expect(byName('freeze').settings(config({ devices: 'cpu:4', pipeline: 4, freeze: 'alpha' }))).toMatchObject({
      freeze: 'alpha',
      pipeline: 4,
      replicas: 1,
      dp: 'off',
      cache: 'off',
    });
    expect(byName('pipe-cache').settings(config({ devices: 'cpu:2' }))).toMatchObject({
      pipeline: 'auto',
      replicas: 1,
      dp: 'pipe',
      cache: 'auto',
    });
  });
  it('all freeze by the same policy, also where the configuration names none', () => {
    const policies = ABLATION_CASES.filter(({ freezes }) => freezes).map(
      ({ settings }) => settings(config({ devices: 'cpu:2' })).freeze,
    );
    expect(new Set(policies).size).toBe(1);
    expect(policies[0]).not.toBe('none');
  });
  it('take turns in being the first', () => {
    const order = ablationOrder(['baseline', 'best', 'all'].map(byName), [1, 2]);
    expect(order.map((one) => `${one.case.name}${one.seed}`)).toEqual([
      'baseline1',
      'best1',
      'all1',
      'best2',
      'all2',
      'baseline2',
    ]);
  });
});
