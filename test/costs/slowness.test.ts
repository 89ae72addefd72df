// How much slower or faster a worker of another host is, and what a plan makes of it.
import { describe, expect, it } from 'vitest';
import type { TrainConfigInput } from '../../engine/core/config.js';
import { correctedCosts } from '../../engine/costs/corrected-costs.js';
import { slownessOf } from '../../engine/costs/slowness.js';
import { makeSchedule } from '../../pipeline/schedules/registry.js';
import { simulateActions } from '../../pipeline/simulate.js';
import { blocks } from '../pipeline/cost-model.js';
import { basisOf, PlanSequence, workersNamed } from '../planning/plan-sequence.js';

const COSTS = blocks(1, 1, 1, 1, 1, 1, 1, 1);
const slow = { w1: 3 } as const;

const slownessOfWorker = (worker: string): number => slow[worker as 'w1'] ?? 1;
const plans = (changes: Partial<TrainConfigInput>): PlanSequence =>
  new PlanSequence(
    basisOf({ schedule: '1f1b', ...changes }, { costs: COSTS, workers: workersNamed(2), slownessOf: slownessOfWorker }),
  );
const request = { frozen: 0, frozenLayers: 0, epochsLeft: 5, because: 'a test' };

describe('slowness', () => {
  it('is what a worker takes for all blocks, next to what was measured', () => {
    expect(slownessOf(48, COSTS)).toBe(2);
    expect(slownessOf(8, COSTS)).toBeCloseTo(1 / 3, 12); // one division
  });
  it('is none within what measurements vary by, or where nothing was measured', () => {
    expect([
      slownessOf(24 * 1.19, COSTS),
      slownessOf(24 / 1.19, COSTS),
      slownessOf(null, COSTS),
      slownessOf(0, COSTS),
      slownessOf(5, []),
    ]).toEqual([1, 1, 1, 1, 1]);
  });
});

describe('a plan', () => {
  it('gives a slow worker less to do, and says who that is', () => {
    const { plan } = plans({ pipeline: 1, replicas: 2 }).next(request);
    expect(plan.replicas.map(({ count, stages }) => [stages[0]?.worker, count])).toEqual([
      ['w0', 6],
      ['w1', 2],
    ]);
    expect(plan.reason).toContain('w1 takes 3.00 times as long as was measured at the start');
  });
  it('has its costs corrected by what is left when the slowness is known', () => {
    const { plan } = plans({ pipeline: 2, replicas: 1 }).next(request);
    expect(plan.replicas[0]?.stages.map(({ worker, from }) => [worker, from])).toEqual([
      ['w0', 0],
      ['w1', 6],
    ]);
    const took = { F: [6, 6], B: [12, 12] } as const;
    const { spans } = simulateActions(
      makeSchedule('1f1b', 2, 8),
      ({ kind, stage }) => took[kind as 'F' | 'B'][stage as 0 | 1],
    );
    const step = spans.map((list) => list.flatMap(({ startMs, endMs }) => [startMs, endMs]));
    for (const { forwardMs, backwardMs } of correctedCosts(COSTS, plan, 0, [step], slownessOfWorker)) {
      expect(forwardMs).toBeCloseTo(1, 9);
      expect(backwardMs).toBeCloseTo(2, 9);
    }
  });
});
