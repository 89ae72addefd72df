// A plan that arrives is held against the model and the batch before anything is made of it.
import { describe, expect, it } from 'vitest';
import { type Plan, planSchema } from '../../engine/core/plan.js';
import { requirePlanFits } from '../../engine/protocol/plan-fit.js';

const PLAN: Plan = {
  generation: 1,
  frozen: 1,
  microBatch: 2,
  numMicroBatches: 4,
  schedule: '1f1b',
  replicas: [0, 1].map((replica) => ({
    start: 2 * replica,
    count: 2,
    stages: [
      { worker: `a${replica}`, from: 1, to: 2 },
      { worker: `b${replica}`, from: 2, to: 4 },
    ],
  })),
  usesCache: false,
  previousCacheDepth: null,
  frozenBefore: 0,
  sources: [null, null, null, null],
  restore: null,
  reason: '',
};
const SUBJECT = { numBlocks: 4, batch: 8, lengths: [64, 32, 32, 16] };
const [first, second] = PLAN.replicas as [Plan['replicas'][number], Plan['replicas'][number]];
const stages = (...ends: readonly (readonly [worker: string, from: number, to: number])[]) =>
  ends.map(([worker, from, to]) => ({ worker, from, to }));

describe('a plan', () => {
  it('of the model and the batch fits', () => expect(() => requirePlanFits(PLAN, SUBJECT)).not.toThrow());

  it('that caches what a shared parameter still changes is refused', () => {
    const shared = [[0, 3]];
    const subject = { ...SUBJECT, shared };
    expect(() => requirePlanFits({ ...PLAN, shared }, subject)).not.toThrow();
    expect(() => requirePlanFits({ ...PLAN, shared, usesCache: true }, subject)).toThrow(/a parameter still changes/);
  });

  it.each<[string, Partial<Plan>, RegExp]>([
    ['freezes all', { frozen: 4 }, /4 blocks are frozen, the model has 4/],
    ['names too many sources', { sources: Array.from({ length: 9 }, () => null) }, /9 blocks come from, there are 4/],
    ['has a gap', { replicas: [{ ...first, stages: stages(['a', 2, 4]) }, second] }, /\[2, 4\) after block 1/],
    ['goes backwards', { replicas: [{ ...first, stages: stages(['a', 1, 1]) }, second] }, /\[1, 1\) after block 1/],
    [
      'ends beyond',
      { replicas: [{ ...first, stages: stages(['a', 1, 9]) }, second] },
      /end at block 9, the model has 4/,
    ],
    ['has another batch', { microBatch: 1000 }, /4 micro-batches of 1000 samples are no batch of 8/],
    [
      'repeats samples',
      { replicas: [first, { ...second, start: 0 }] },
      /starts at micro-batch 0, the one before ends at 2/,
    ],
    ['leaves samples out', { replicas: [first] }, /end at micro-batch 2 of 4/],
    ['seats a worker twice', { replicas: [first, { ...second, stages: first.stages }] }, /a0 is in two replicas/],
    ['had more frozen than there is', { frozenBefore: 4 }, /4 blocks were frozen, the model has 4/],
    ['shares other parameters', { shared: [[0, 3]] }, /share parameters are 0 and 3, in the model none/],
    ['reads a deeper cache', { previousCacheDepth: 3 }, /depth 3 is above 1 frozen/],
  ])('that %s is refused by PT_PROTOCOL', (_, changes, reason) =>
    expect(() => requirePlanFits({ ...PLAN, ...changes }, SUBJECT)).toThrow(
      expect.objectContaining({ code: 'PT_PROTOCOL', message: expect.stringMatching(reason) as string }) as Error,
    ),
  );

  it.each<[string, Partial<Record<keyof Plan, unknown>>]>([
    ['300 million frozen blocks', { frozen: 3e8 }],
    ['as many micro-batches', { numMicroBatches: 3e8 }],
    ['a cache as deep', { previousCacheDepth: 3e8 }],
    ['a million sources', { sources: Array.from({ length: 1_000_000 }, () => null) }],
    ['a block of a stage far out', { replicas: [{ ...first, stages: stages(['a', 1, 3e8]) }] }],
    ['a reason of a megabyte', { reason: 'x'.repeat(2 ** 20) }],
  ])('with %s cannot be read', (_, changes) =>
    expect(planSchema.safeParse({ ...PLAN, ...changes }).success).toBe(false),
  );
});
