// How far measured costs may be believed, by made-up measurements: what the system counted, what timings say of
// themselves, and what follows for this run and later ones.
import { describe, expect, test } from 'vitest';
import { distrustText } from '../../cli/text/trust-text.js';
import { isContradicted, isTrusted, jointTrust, moreTrusted, Timings } from '../../engine/costs/cost-trust.js';
import { type LoadReading, othersShare, ticksIn, waitedIn } from '../../engine/costs/machine-load.js';
import { trustedMeasurement } from '../../engine/costs/run-costs.js';

const reading = (wallMs: number, waitedMs: number | null, all = 0, stolen = 0): LoadReading => ({
  wallMs,
  waitedMs,
  ticks: { all, stolen },
});

describe('the share of the time that others had', () => {
  test.each([
    ['nothing while nobody waits', reading(0, 5), reading(100, 5), { workers: 2, cores: 2 }, 0],
    ['what the thread waited', reading(0, 5), reading(100, 45), { workers: 2, cores: 2 }, 0.4],
    ['what the processor was away', reading(0, 0, 0, 0), reading(100, 0, 200, 50), { workers: 1, cores: 2 }, 0.25],
    ['both together', reading(0, 0, 0, 0), reading(100, 50, 200, 50), { workers: 1, cores: 2 }, 0.75],
    ['nothing where workers wait for each other', reading(0, 0), reading(100, 50), { workers: 4, cores: 2 }, 0],
    ['what is beyond that', reading(0, 0), reading(100, 75), { workers: 4, cores: 2 }, 0.5],
    ['all at most', reading(0, 0, 0, 0), reading(100, 100, 100, 100), { workers: 1, cores: 1 }, 1],
    [
      'nothing where nothing is counted',
      { ...reading(0, null), ticks: null },
      reading(9, 9),
      { workers: 1, cores: 1 },
      0,
    ],
    ['nothing of no time', reading(5, 0), reading(5, 1), { workers: 1, cores: 1 }, 0],
  ] as const)('is %s', (_, from, to, crowd, share) => {
    expect(othersShare(from, to, crowd)).toBe(share);
  });

  test('is read from the counters of the system', () => {
    expect(waitedIn('1204319 109084 1\n')).toBe(0.109084);
    expect([waitedIn(''), waitedIn(null), waitedIn('no numbers here')]).toEqual([null, null, null]);
    const stat = 'cpu  100 20 30 800 2 0 6 42 7 0\ncpu0 1 2 3 4 5 6 7 8 9 10\n';
    expect(ticksIn(stat)).toEqual({ all: 1000, stolen: 42 });
    expect([ticksIn('cpu 1 2 3'), ticksIn(null)]).toEqual([null, null]);
  });
});

describe('the trust in a measurement', () => {
  test('ends where others had a fifth of the time, or timings lie further apart than they are long', () => {
    expect(isTrusted({ othersShare: 0.2, spread: 1 })).toBe(true);
    expect(isTrusted({ othersShare: 0.21, spread: 0 })).toBe(false);
    expect(isTrusted({ othersShare: 0, spread: 1.01 })).toBe(false);
  });

  test('is that of the worst of those who measured', () => {
    expect(
      jointTrust([
        { othersShare: 0.1, spread: 2 },
        { othersShare: 0.3, spread: 0 },
      ]),
    ).toEqual({
      othersShare: 0.3,
      spread: 2,
    });
  });

  test('knows how far the timings of all programs lie apart', () => {
    const timings = new Timings();
    expect(timings.spread).toBe(0);
    timings.add([1, 2, 3], 2);
    timings.add([10, 10], 10);
    timings.add([], NaN);
    expect(timings.spread).toBe(2 / 12);
  });

  const made = (othersShare: number, spread = 0) => ({ trust: { othersShare, spread } });

  test('decides which of two is taken', () => {
    expect(moreTrusted(made(0.5), made(0.3))).toEqual(made(0.3));
    expect(moreTrusted(made(0.1), made(0.3))).toEqual(made(0.1));
    expect(moreTrusted(made(0, 9), made(0.3))).toEqual(made(0.3));
  });

  test.each([
    ['one that is good', [0.1, 0.5], 0.1, 1],
    ['the first good one', [0.9, 0.15, 0.1], 0.15, 2],
    ['the best of three bad ones', [0.5, 0.4, 0.6, 0], 0.4, 3],
  ])('is sought until %s is there', async (_, shares, taken, count) => {
    let measured = 0;
    const best = await trustedMeasurement(() => Promise.resolve(made(shares[measured++] as number)));
    expect([best, measured]).toEqual([made(taken), count]);
  });

  test('is not sought for long where a measurement takes long', async () => {
    let seconds = 0;
    const best = await trustedMeasurement(
      () => Promise.resolve(made(0.5 - (seconds += 2) / 100)),
      () => 1000 * seconds,
    );
    expect([best, seconds]).toEqual([made(0.46), 4]);
  });

  test('is told where there is none', () => {
    expect(distrustText({ othersShare: 0.34, spread: 1.2 })).toBe(
      "costs measured under load (34 % of the time was others', timings of the same program lie 120 % apart): " +
        'predictions may be far off, and they are not kept for later runs',
    );
  });
});

test.each([
  [279, 86, true],
  [4.7, 109, true],
  [100, 150, false],
  [150, 100, false],
  [100, 151, true],
  [151, 100, true],
  [100, 100, false],
  [0, 100, true],
  [100, NaN, true],
])('costs that predict %d ms for steps of %d ms are contradicted: %s', (predicted, measured, expected) => {
  expect(isContradicted(predicted, measured)).toBe(expected);
});
