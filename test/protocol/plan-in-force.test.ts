// PlanInForce: which plan may be asked for in which half of a transition, and who has a seat meanwhile.
import { expect, it } from 'vitest';
import type { Plan } from '../../engine/core/plan.js';
import { PlanInForce } from '../../engine/protocol/plan-in-force.js';

const planOf = (generation: number, worker: string): Plan => ({
  generation,
  frozen: 0,
  microBatch: 1,
  numMicroBatches: 1,
  schedule: '1f1b',
  replicas: [{ start: 0, count: 1, stages: [{ worker, from: 0, to: 1 }] }],
  usesCache: false,
  previousCacheDepth: null,
  frozenBefore: 0,
  sources: [null],
  restore: null,
  reason: 'a test',
});
const [first, second] = [planOf(0, 'w0'), planOf(1, 'w1')];

function adopted(plan: Plan): PlanInForce {
  const plans = new PlanInForce();
  plans.prepare(plan);
  plans.prepared();
  plans.active();
  return plans;
}

const stale = expect.objectContaining({ code: 'PT_STALE_PLAN' }) as Error;
const outOfPlace = expect.objectContaining({ code: 'PT_PROTOCOL' }) as Error;

it('is none before the first plan is adopted, though that is already the newest', () => {
  const plans = new PlanInForce();
  expect(() => plans.current).toThrow(outOfPlace);
  expect(plans.newest).toBeNull();
  plans.prepare(first);
  expect(plans.newest).toBe(first);
  expect(plans.isSettled).toBe(false);
  expect(plans.seats('w0')).toBe(false);
  expect(() => plans.current).toThrow(stale);
});

it('is the newest once all have adopted it', () => {
  const plans = adopted(first);
  expect(plans.current).toBe(first);
  expect(plans.isSettled).toBe(true);
  expect([plans.seats('w0'), plans.seats('w1')]).toEqual([true, false]);
});

it('is none on the way to the next; seats are those of the plan that was adopted last', () => {
  const plans = adopted(first);
  plans.prepare(second);
  expect(() => plans.current).toThrow(stale);
  plans.prepared();
  expect(() => plans.current).toThrow(stale);
  expect([plans.seats('w0'), plans.seats('w1')]).toEqual([true, false]);
  plans.active();
  expect(plans.current).toBe(second);
  expect([plans.seats('w0'), plans.seats('w1')]).toEqual([false, true]);
});

it('is none where it was given up, until the next one is adopted', () => {
  const plans = adopted(first);
  plans.abandon();
  expect(() => plans.current).toThrow(outOfPlace);
  expect(plans.seats('w0')).toBe(true);
  expect(() => plans.prepare(first)).toThrow(stale);
  expect(plans.newest).toBe(first);
});
