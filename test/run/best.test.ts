// The best validation so far, and when a checkpoint is due by the clock.
import { describe, expect, it } from 'vitest';
import { type Best, nextBest } from '../../engine/run/best.js';
import { SaveTimes } from '../../engine/trainer/save-times.js';

const after = (values: readonly number[], isHigherBetter: boolean, from: Best | null = null): Best | null =>
  values.reduce<Best | null>(
    (best, value, i) => nextBest(best, { step: i + 1, value }, { name: 'x', isHigherBetter }),
    from,
  );

describe('the best validation', () => {
  it.each([
    [[0.5, 0.7, 0.6, 0.7], true, { step: 2, value: 0.7, since: 2, at: 4 }],
    [[0.5, 0.7, 0.6, 0.4], false, { step: 4, value: 0.4, since: 0, at: 4 }],
    [[Number.NaN, 0.7, Number.NaN], true, { step: 2, value: 0.7, since: 1, at: 3 }],
    [[Number.NaN], true, null],
  ])('of %j', (values, isHigherBetter, expected) => {
    expect(after(values, isHigherBetter)).toEqual(expected);
  });

  it('counts one that is done again once', () => {
    const best = after([0.5, 0.4, 0.3], true);
    expect(after([0.5, 0.4, 0.3], true, best)).toEqual(best);
  });
});

describe('a checkpoint', () => {
  it('is due after its steps, or never', () => {
    const times = new SaveTimes('2 steps', 10);
    expect([0, 1, 2, 3, 4].map((step) => times.isDue(step, 0))).toEqual([false, false, true, false, true]);
    expect(new SaveTimes('never', 10).isDue(10, 0, 1e9)).toBe(false);
  });

  it('is due by the clock where nobody says, more rarely where it takes long, and stays due until it is begun', () => {
    const times = new SaveTimes('auto', 10, 0);
    expect(times.isDue(1, 0, 59_999)).toBe(false);
    expect(times.isDue(1, 2000, 60_000)).toBe(false);
    expect(times.isDue(0, 0, 60_000)).toBe(false);
    expect(times.isDue(1, 0, 60_000)).toBe(true);
    expect(times.isDue(2, 2000, 60_001)).toBe(true);
    times.begun(60_001);
    expect(times.isDue(2, 0, 60_002)).toBe(false);
  });
});
