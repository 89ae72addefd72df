import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { present } from '../../engine/core/invariant.js';
import { parseGrid, showGrid } from '../../pipeline/grid.js';
import { makeSchedule } from '../../pipeline/schedules/registry.js';
import { peakLive, simulate } from '../../pipeline/simulate.js';
import { validateSchedule } from '../../pipeline/validate.js';
import { golden, runChain } from './schedule-oracles.js';

/** Those with one stage per worker and an undivided backward; the others are in catalog.test.ts. */
const scheduleNames = ['1f1b', 'gpipe'] as const;
const shapes = fc.record({
  name: fc.constantFrom(...scheduleNames),
  K: fc.integer({ min: 1, max: 8 }),
  M: fc.integer({ min: 1, max: 16 }),
});

describe.each(scheduleNames)('schedule %s', (name) => {
  it.each(golden(name))('draws the golden grid for %s', (heading, grid) => {
    const [, K, M] = present(/^K=(\d+) M=(\d+)$/.exec(heading), 'heading');
    expect(showGrid(makeSchedule(name, Number(K), Number(M)))).toBe(grid);
  });

  it('has golden grids for six shapes', () => {
    expect(golden(name).map(([heading]) => heading)).toEqual([
      'K=1 M=1',
      'K=1 M=3',
      'K=3 M=1',
      'K=2 M=4',
      'K=4 M=4',
      'K=4 M=8',
    ]);
  });

  it.each([0, -1, 1.5])('refuses K or M = %d', (bad) => {
    expect(() => makeSchedule(name, bad, 2)).toThrow('positive integer');
    expect(() => makeSchedule(name, 2, bad)).toThrow('positive integer');
  });
});

describe('every schedule', () => {
  it('is valid for any K and M', () => {
    fc.assert(
      fc.property(shapes, ({ name, K, M }) => {
        validateSchedule(makeSchedule(name, K, M));
      }),
    );
  });

  it('is read back from its grid', () => {
    fc.assert(
      fc.property(shapes, ({ name, K, M }) => {
        const schedule = makeSchedule(name, K, M);
        expect(parseGrid(showGrid(schedule), name)).toEqual(schedule);
      }),
    );
  });

  // A pipeline must compute what one device computes: stage s multiplies by w_s; the gradient of w_s is its input times
  // the gradient above.
  it('gives every stage the gradient of an unpartitioned chain, summed in the same order', () => {
    fc.assert(
      fc.property(shapes, ({ name, K, M }) => {
        const weights = Array.from({ length: K }, (_, s) => 0.7 + s / 3);
        const inputs = Array.from({ length: M }, (_, m) => 0.1 + m * m * 0.37);
        const direct = weights.map(() => 0);
        for (const input of inputs) {
          const seen = weights.reduce<number[]>((list, w) => [...list, present(list.at(-1), 'x') * w], [input]);
          for (let s = K - 1, g = 1; s >= 0; g *= present(weights[s], 'w'), s--)
            direct[s] = present(direct[s], 'sum') + present(seen[s], 'x') * g;
        }
        expect(runChain(makeSchedule(name, K, M), weights, inputs)).toEqual(direct);
      }),
    );
  });

  it('is as long as (M + K - 1) forwards and backwards when stages are equal', () => {
    fc.assert(
      fc.property(shapes, ({ name, K, M }) => {
        const { totalMs, bubbleShare, busyMs } = simulate(makeSchedule(name, K, M), equalStages(K));
        expect(totalMs).toBe(3 * (M + K - 1));
        expect(busyMs).toEqual(Array.from({ length: K }, () => 3 * M));
        // 12 digits: one division each side.
        expect(bubbleShare).toBeCloseTo((K - 1) / (M + K - 1), 12);
      }),
    );
  });

  it('holds the activations its rule promises', () => {
    fc.assert(
      fc.property(shapes, ({ name, K, M }) => {
        expect(makeSchedule(name, K, M).workers.map(peakLive)).toEqual(
          Array.from({ length: K }, (_, s) => (name === 'gpipe' ? M : Math.min(M, K - s))),
        );
      }),
    );
  });
});

const equalStages = (K: number) => Array.from({ length: K }, () => ({ forwardMs: 1, backwardMs: 2 }));

describe('the published schedule figures (F = 1, B = 2)', () => {
  it.each([
    [2, 4, 15, 3, 4, 2],
    [4, 4, 21, 9, 4, 4],
    [4, 8, 33, 9, 8, 4],
    [4, 16, 57, 9, 16, 4],
    [8, 16, 69, 21, 16, 8],
    [8, 32, 117, 21, 32, 8],
  ])(
    'K=%d, M=%d: total %d, bubble %d, peak %d (GPipe) and %d (1F1B)',
    (K, M, total, bubble, gpipePeak, oneFOneBPeak) => {
      for (const [name, peak] of [
        ['gpipe', gpipePeak],
        ['1f1b', oneFOneBPeak],
      ] as const) {
        const result = simulate(makeSchedule(name, K, M), equalStages(K));
        expect(result.totalMs).toBe(total);
        for (const busy of result.busyMs) expect(result.totalMs - busy).toBe(bubble);
        expect(Math.max(...result.peakLive)).toBe(peak);
      }
    },
  );

  // Zero-bubble H1 is the 1F1B order with the backward split and W of stage s delayed by s micro-batches: proof that
  // actions can express it.
  it.each([
    [2, 4, 13, 1, 2],
    [4, 4, 15, 3, 4],
    [4, 8, 27, 3, 4],
    [8, 32, 103, 7, 8],
  ])('K=%d, M=%d with a split backward: total %d, bubble %d, peak %d', (K, M, total, bubble, peak) => {
    const base = makeSchedule('1f1b', K, M);
    const workers = base.workers.map((actions, stage) => [
      ...actions.flatMap((a) => {
        if (a.kind === 'F') return [a];
        const weight = { stage, kind: 'W', micro: a.micro - stage } as const;
        return [{ ...a, kind: 'I' as const }, ...(weight.micro >= 0 ? [weight] : [])];
      }),
      ...Array.from({ length: Math.min(stage, M) }, (_, i) => ({
        stage,
        kind: 'W' as const,
        micro: M - Math.min(stage, M) + i,
      })),
    ]);
    const schedule = { ...base, name: 'zb-h1', workers };
    validateSchedule(schedule);
    const result = simulate(schedule, equalStages(K));
    expect(result.totalMs).toBe(total);
    expect(result.totalMs - present(result.busyMs[0], 'busy')).toBe(bubble);
    expect(Math.max(...result.peakLive)).toBe(peak);
  });
});

describe('a simulation', () => {
  it('waits for the slowest stage and for transfers', () => {
    const schedule = makeSchedule('gpipe', 2, 2);
    const { totalMs, spans, busyMs } = simulate(schedule, [
      { forwardMs: 1, backwardMs: 2, transferMs: 10 },
      { forwardMs: 5, backwardMs: 4, transferMs: 100 },
    ]);
    expect(spans[1]?.map(({ startMs, endMs }) => [startMs, endMs])).toEqual([
      [11, 16],
      [16, 21],
      [21, 25],
      [25, 29],
    ]);
    expect(spans[0]?.map(({ startMs }) => startMs)).toEqual([0, 1, 125, 129]);
    expect([totalMs, ...busyMs]).toEqual([131, 6, 18]);
  });

  it('accepts a stage without a backward', () => {
    expect(
      simulate(makeSchedule('1f1b', 2, 3), [
        { forwardMs: 1, backwardMs: 0 },
        { forwardMs: 1, backwardMs: 2 },
      ]).totalMs,
    ).toBe(10);
  });
});
