import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type GuardQuestion, judgeFreeze } from '../../freeze/guard.js';

const question = (changes: Partial<GuardQuestion>): GuardQuestion => ({
  before: [
    { step: 0, metric: 0.1 },
    { step: 50, metric: 0.5 },
    { step: 100, metric: 0.75 },
  ],
  now: { step: 150, metric: 0.85 },
  higherIsBetter: true,
  tolerance: 0.3,
  samples: 1000,
  ...changes,
});

describe('the judgement of a freeze', () => {
  it('accepts one after which the metric goes on rising, if more slowly', () => {
    expect(judgeFreeze(question({})).hurts).toBe(false);
  });
  it('expects half of the rate at which the error shrank before', () => {
    // The error halved in the 50 steps before; half of that rate leaves 0.25 / sqrt(2).
    expect(judgeFreeze(question({})).expected).toBeCloseTo(1 - 0.25 / Math.SQRT2, 12);
  });
  it('refuses one after which the metric stands still although it rose before', () => {
    expect(judgeFreeze(question({ now: { step: 150, metric: 0.75 } }))).toMatchObject({ hurts: true });
  });
  it('refuses one after which the metric falls', () => {
    const flat = [
      { step: 0, metric: 0.9 },
      { step: 100, metric: 0.9 },
    ];
    expect(judgeFreeze(question({ before: flat, now: { step: 200, metric: 0.895 } })).hurts).toBe(false);
    expect(judgeFreeze(question({ before: flat, now: { step: 200, metric: 0.88 } })).hurts).toBe(true);
  });
  it('allows for chance: the fewer samples, the more', () => {
    const few = judgeFreeze(question({ samples: 100 })).allowed;
    const many = judgeFreeze(question({ samples: 10000 })).allowed;
    expect(few).toBeGreaterThan(many);
    // Ten times the standard error, the same tolerance. 12 digits: doubles.
    expect((few - 0.003) / (many - 0.003)).toBeCloseTo(10, 12);
  });
  it('takes the tolerance as percent where lower is better', () => {
    const before = [
      { step: 0, metric: 2 },
      { step: 100, metric: 2 },
    ];
    expect(
      judgeFreeze(question({ before, higherIsBetter: false, tolerance: 1, now: { step: 200, metric: 2.019 } })).hurts,
    ).toBe(false);
    expect(
      judgeFreeze(question({ before, higherIsBetter: false, tolerance: 1, now: { step: 200, metric: 2.021 } })).hurts,
    ).toBe(true);
  });
  it('has the numbers in its reason', () => {
    expect(judgeFreeze(question({ now: { step: 150, metric: 0.75 } })).reason).toBe(
      '0.75 at step 150, 0.75 at the freeze (step 100), 0.5 at step 50 before it; at least 0.8232 could be ' +
        'expected, 0.01506 less is accepted',
    );
  });
  it('says which way is worse where lower is better', () => {
    const before = [
      { step: 0, metric: 2 },
      { step: 100, metric: 1 },
    ];
    const verdict = judgeFreeze(
      question({ before, higherIsBetter: false, tolerance: 1, now: { step: 200, metric: 1 } }),
    );
    expect(verdict).toMatchObject({ hurts: true, allowed: 0.01 });
    expect(verdict.reason).toMatch(/; at most 0\.7071 could be expected, 0\.01 more is accepted$/);
  });

  const metric = fc.double({ min: 0, max: 1, noNaN: true });
  it('never turns from harm to no harm as the metric gets worse, and gives a reason always', () => {
    fc.assert(
      fc.property(
        fc.array(metric, { minLength: 1, maxLength: 6 }),
        metric,
        metric,
        fc.boolean(),
        (before, a, b, higherIsBetter) => {
          const judge = (value: number) =>
            judgeFreeze(
              question({
                before: before.map((one, i) => ({ step: i * 10, metric: one })),
                now: { step: 100, metric: value },
                higherIsBetter,
              }),
            );
          const [worse, better] = a < b === higherIsBetter ? [a, b] : [b, a];
          if (judge(better).hurts) expect(judge(worse).hurts).toBe(true);
          expect(judge(a).reason).not.toBe('');
        },
      ),
    );
  });
  it('refuses a metric that is not a number', () => {
    expect(judgeFreeze(question({ now: { step: 150, metric: NaN } })).hurts).toBe(true);
  });
});
