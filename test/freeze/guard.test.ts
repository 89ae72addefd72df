import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type GuardQuestion, judgeFreeze, type MetricPoint, pairedError } from '../../freeze/guard.js';

const at = (step: number, metric: number, parts: readonly number[] = []): MetricPoint => ({ step, metric, parts });
const question = (changes: Partial<GuardQuestion>): GuardQuestion => ({
  before: [at(24, 0.1), at(49, 0.5), at(99, 0.75)],
  now: at(199, 0.85),
  look: 2,
  higherIsBetter: true,
  tolerance: 0.3,
  samples: 1000,
  ...changes,
});

describe('the judgement of a freeze', () => {
  it('accepts one after which the metric goes on rising, if more slowly', () => {
    expect(judgeFreeze(question({ now: at(199, 0.82) })).hurts).toBe(false);
  });
  it('expects half of what the last doubling of the steps brought, and no more than one doubling of it', () => {
    // The error fell from 0.9 at step 24 to 0.25 at 99, two doublings; at 199 and long after half of the rate is left.
    for (const step of [199, 10_000])
      expect(judgeFreeze(question({ now: at(step, 0.85) })).expected).toBeCloseTo(1 - 0.25 * (0.25 / 0.9) ** 0.25, 12);
    const twice = question({ now: at(149, 0.85) });
    // From 0.5 at step 49, as long before the freeze as now is after it.
    expect(judgeFreeze(twice).expected).toBeCloseTo(1 - 0.25 * 0.5 ** (0.5 * Math.log2(1.5)), 12);
  });
  it('asks for nothing that cannot be', () => {
    const before = [at(24, 0.2), at(49, 1)];
    expect(judgeFreeze(question({ before, now: at(199, 1) }))).toMatchObject({ expected: 1, hurts: false });
    const close = [at(24, 0.2), at(49, 0.99)];
    expect(judgeFreeze(question({ before: close, now: at(199, 1) })).expected).toBeLessThan(1);
  });
  it('does not ask of a slow text model what its first steps brought', () => {
    // Losses of a character model: the first 300 steps say nothing of the next 300.
    const before = [at(0, 4.2), at(150, 2.6), at(300, 2.3)];
    const lower = { before, higherIsBetter: false, now: at(600, 2.26) };
    expect(judgeFreeze(question(lower)).expected).toBeGreaterThan(2);
  });
  it('refuses one after which the metric stands still although it rose before', () => {
    expect(judgeFreeze(question({ now: at(199, 0.75) }))).toMatchObject({ hurts: true });
  });
  it('refuses one after which the metric falls', () => {
    const before = [at(0, 0.9), at(100, 0.9)];
    expect(judgeFreeze(question({ before, now: at(200, 0.895) })).hurts).toBe(false);
    expect(judgeFreeze(question({ before, now: at(200, 0.87) })).hurts).toBe(true);
  });
  it('allows for chance: the fewer samples, the more, and the more the earlier it looks', () => {
    const few = judgeFreeze(question({ samples: 100 })).allowed;
    const many = judgeFreeze(question({ samples: 10000 })).allowed;
    // Ten times the standard error, the same tolerance. 12 digits: doubles.
    expect((few - 0.003) / (many - 0.003)).toBeCloseTo(10, 12);
    const first = judgeFreeze(question({ look: 1 })).allowed;
    expect((first - 0.003) / (judgeFreeze(question({})).allowed - 0.003)).toBeCloseTo(2.8 / 1.98, 12);
  });
  it('takes as chance what the samples say whose answer changed', () => {
    const was = Array.from({ length: 50 }, (_, i) => (i % 2 === 0 ? 1 : 0.5));
    const same = {
      before: [at(100, 0.75, was)],
      now: at(
        200,
        0.74,
        was.map((one, i) => (i < 4 ? one - 0.125 : one)),
      ),
    };
    const { allowed } = judgeFreeze(question(same));
    expect(allowed).toBeCloseTo(0.003 + 1.98 * (pairedError(was, same.now.parts) ?? NaN), 12);
    // Half of the samples were wrong before and are now: as samples of their own they would allow far more.
    expect(allowed).toBeLessThan(judgeFreeze(question({ ...same, now: at(200, 0.74) })).allowed);
  });
  it('knows no paired error where the parts are few or others', () => {
    expect(pairedError([1, 1], [1, 0])).toBeNull();
    expect(pairedError(new Array<number>(20).fill(1), new Array<number>(21).fill(1))).toBeNull();
    expect(pairedError(new Array<number>(20).fill(1), new Array<number>(20).fill(0.5))).toBe(0);
  });
  it('is wrong about a freeze that does nothing in one run of forty at each look at the most', () => {
    // 400 samples, of which a tenth changes its answer by chance between two looks, either way.
    const random = prng(7);
    let alarms = 0;
    const rounds = 400;
    for (let round = 0; round < rounds; round++) {
      const answers = () => Array.from({ length: 400 }, () => (random() < 0.8 ? 1 : 0));
      const means = (all: readonly number[]): number[] =>
        Array.from({ length: 50 }, (_, p) => all.slice(8 * p, 8 * p + 8).reduce((a: number, b) => a + b, 0) / 8);
      const was = answers();
      const now = was.map((one) => (random() < 0.1 ? (random() < 0.8 ? 1 : 0) : one));
      const mean = (all: readonly number[]): number => all.reduce((a, b) => a + b, 0) / all.length;
      const before = [at(100, mean(was), means(was))];
      if (judgeFreeze(question({ before, now: at(200, mean(now), means(now)) })).hurts) alarms++;
    }
    expect(alarms / rounds).toBeLessThan(1 / 40);
  });
  it('takes the tolerance as percent where lower is better', () => {
    const lower = { before: [at(0, 2), at(100, 2)], higherIsBetter: false, tolerance: 1 };
    expect(judgeFreeze(question({ ...lower, now: at(200, 2.019) })).hurts).toBe(false);
    expect(judgeFreeze(question({ ...lower, now: at(200, 2.021) })).hurts).toBe(true);
  });
  it('has the numbers in its reason', () => {
    expect(judgeFreeze(question({ now: at(149, 0.75) })).reason).toBe(
      '0.75 at step 149, compared with 0.75 at step 99 and 0.5 at step 49 before it; at least 0.7959 could be ' +
        'expected, 0.02824 less is accepted',
    );
  });
  it('says which way is worse where lower is better', () => {
    const lower = { before: [at(0, 2), at(99, 1)], higherIsBetter: false, tolerance: 1 };
    const verdict = judgeFreeze(question({ ...lower, now: at(198, 1) }));
    expect(verdict).toMatchObject({ hurts: true, allowed: 0.01 });
    expect(verdict.reason).toMatch(/; at most 0\.9495 could be expected, 0\.01 more is accepted$/);
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
              question({ before: before.map((one, i) => at(i * 10, one)), now: at(100, value), higherIsBetter }),
            );
          const [worse, better] = a < b === higherIsBetter ? [a, b] : [b, a];
          if (judge(better).hurts) expect(judge(worse).hurts).toBe(true);
          expect(judge(a).reason).not.toBe('');
        },
      ),
    );
  });
  it('refuses a metric that is not a number', () => {
    expect(judgeFreeze(question({ now: at(199, NaN) })).hurts).toBe(true);
    expect(judgeFreeze(question({ before: [], now: at(199, NaN) })).hurts).toBe(true);
  });
});

/** Uniform numbers below 1 from a seed (a linear congruential generator). */
function prng(seed: number): () => number {
  let state = seed;
  return () => (state = (state * 1_664_525 + 1_013_904_223) % 2 ** 32) / 2 ** 32;
}
