// Every schedule of the catalog, those workers cannot run yet included: grids, validity, length, memory. Figures
// without a comment are the published ones: F = 1, whole backward 2, zero-bubble with F = I = W = 1.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { present } from '../../engine/core/invariant.js';
import { parseGrid, showGrid } from '../../pipeline/grid.js';
import { type Schedule, stagesOf, workersByStage } from '../../pipeline/schedule.js';
import { peakBytes, requireMemory } from '../../pipeline/schedule-memory.js';
import { makeSchedule, SCHEDULES } from '../../pipeline/schedules/registry.js';
import { peakLive, simulate } from '../../pipeline/simulate.js';
import { validateSchedule } from '../../pipeline/validate.js';
import { golden, runChain } from './schedule-oracles.js';

/** Equal stages: a whole stage is split evenly over its v chunks. */
const times = ({ stages, workers }: Schedule) =>
  Array.from({ length: stages }, () => ({
    forwardMs: workers.length / stages,
    backwardMs: (2 * workers.length) / stages,
  }));

const sizes = fc
  .record({
    name: fc.constantFrom(...SCHEDULES.names),
    K: fc.integer({ min: 1, max: 8 }),
    M: fc.integer({ min: 1, max: 16 }),
    v: fc.integer({ min: 2, max: 3 }),
  })
  .map((size) =>
    size.name === 'interleaved' ? { ...size, M: size.K * (1 + (size.M % Math.floor(16 / size.K))) } : size,
  );

describe.each(['zb-h1', 'interleaved'] as const)('schedule %s', (name) => {
  it.each(golden(name))('draws the golden grid for %s', (heading, grid) => {
    const [, K, M, v] = present(/^K=(\d+) M=(\d+)(?: v=(\d+))?$/.exec(heading), 'heading');
    expect(showGrid(makeSchedule(name, Number(K), Number(M), Number(v ?? 1)))).toBe(grid);
  });

  it('has at least five golden grids', () => {
    expect(golden(name).length).toBeGreaterThanOrEqual(5);
  });

  it.each([0, -1, 1.5])('refuses K or M = %d', (bad) => {
    expect(() => makeSchedule(name, bad, 2)).toThrow('positive integer');
    expect(() => makeSchedule(name, 2, bad)).toThrow('positive integer');
  });
});

describe('the published figures', () => {
  it.each([
    [2, 4, [15, 13.5, 13], [3, 1.5, 1], [4, 2, 2.5, 2]],
    [4, 4, [21, 16.5, 15], [9, 4.5, 3], [4, 4, 4, 4]],
    [4, 8, [33, 28.5, 27], [9, 4.5, 3], [8, 4, 5.5, 4]],
    [4, 16, [57, 52.5, 51], [9, 4.5, 3], [16, 4, 5.5, 4]],
    [8, 16, [69, 58.5, 55], [21, 10.5, 7], [16, 8, 11.5, 8]],
    [8, 32, [117, 106.5, 103], [21, 10.5, 7], [32, 8, 11.5, 8]],
  ])('K=%d, M=%d', (K, M, totals, bubbles, peaks) => {
    for (const [name, total, bubble, peak] of [
      ['gpipe', totals[0], bubbles[0], peaks[0]],
      ['1f1b', totals[0], bubbles[0], peaks[1]],
      ['interleaved', totals[1], bubbles[1], peaks[2]],
      ['zb-h1', totals[2], bubbles[2], peaks[3]],
    ] as const) {
      const schedule = makeSchedule(name, K, M, 2);
      validateSchedule(schedule);
      const result = simulate(schedule, times(schedule));
      expect([name, result.totalMs]).toEqual([name, total]);
      for (const busy of result.busyMs) expect([name, result.totalMs - busy]).toEqual([name, bubble]);
      // A chunk is half a stage.
      expect([name, (Math.max(...result.peakLive) * K) / schedule.stages]).toEqual([name, peak]);
    }
  });

  it(
    'hold as formulas: the interleaved bubble is (K-1)(F+B)/v, its peak K + (K-1)/v stages; that of ZB-H1 is ' +
      '(K-1)(F+I-W)',
    () => {
      fc.assert(
        fc.property(
          fc.integer({ min: 1, max: 6 }),
          fc.integer({ min: 2, max: 3 }),
          fc.integer({ min: 2, max: 4 }),
          (K, v, groups) => {
            const chunked = makeSchedule('interleaved', K, K * groups, v);
            const { totalMs, peakLive: peaks } = simulate(chunked, times(chunked));
            // Thirds do not add up exactly in binary.
            expect(totalMs).toBeCloseTo(3 * K * groups + (3 * (K - 1)) / v, 9);
            expect(Math.max(...peaks) / v).toBeCloseTo(K + (K - 1) / v, 9);
            const zero = makeSchedule('zb-h1', K, K * groups);
            expect(
              simulate(
                zero,
                zero.workers.map(() => ({ forwardMs: 3, backwardMs: 5, inputGradientMs: 3 })),
              ).totalMs,
            ).toBe(8 * K * groups + (K - 1) * (3 + 3 - 2));
            expect(zero.workers.map(peakLive)).toEqual(Array.from({ length: K }, () => K));
          },
        ),
      );
    },
  );
});

describe('every schedule of the catalog', () => {
  it('is valid and read back from its grid', () => {
    fc.assert(
      fc.property(sizes, ({ name, K, M, v }) => {
        const schedule = makeSchedule(name, K, M, v);
        validateSchedule(schedule);
        expect(schedule.workers).toHaveLength(K);
        expect(parseGrid(showGrid(schedule), name)).toEqual(schedule);
      }),
    );
  });

  it('gives every stage the gradient of an unpartitioned chain, summed in the same order', () => {
    fc.assert(
      fc.property(sizes, ({ name, K, M, v }) => {
        const schedule = makeSchedule(name, K, M, v);
        const weights = Array.from({ length: schedule.stages }, (_, s) => 0.7 + s / 3);
        const inputs = Array.from({ length: M }, (_, m) => 0.1 + m * m * 0.37);
        const direct = weights.map(() => 0);
        for (const input of inputs) {
          const seen = weights.reduce<number[]>((list, w) => [...list, present(list.at(-1), 'x') * w], [input]);
          for (let s = weights.length - 1, g = 1; s >= 0; g *= present(weights[s], 'w'), s--)
            direct[s] = present(direct[s], 'sum') + present(seen[s], 'x') * g;
        }
        expect(runChain(schedule, weights, inputs)).toEqual(direct);
      }),
    );
  });

  it('is never longer than 1F1B when stages are equal', () => {
    fc.assert(
      fc.property(sizes, ({ name, K, M, v }) => {
        const schedule = makeSchedule(name, K, M, v);
        // Thirds do not add up exactly in binary.
        expect(simulate(schedule, times(schedule)).totalMs).toBeLessThanOrEqual(3 * (M + K - 1) + 1e-9);
      }),
    );
  });

  it('holds four schedules by name', () => {
    expect(SCHEDULES.names).toEqual(['1f1b', 'gpipe', 'zb-h1', 'interleaved']);
    expect(['zb-h1', 'toString', 'x'].map((name) => SCHEDULES.has(name))).toEqual([true, false, false]);
  });
});

describe('chunks', () => {
  it('of worker w are the stages w, w + K, ...', () => {
    const schedule = makeSchedule('interleaved', 3, 3, 2);
    expect([0, 1, 2].map((worker) => stagesOf(schedule, worker))).toEqual([
      [0, 3],
      [1, 4],
      [2, 5],
    ]);
    expect(workersByStage(schedule)).toEqual([0, 1, 2, 0, 1, 2]);
  });

  it('need a number of micro-batches that is a multiple of K', () => {
    expect(() => makeSchedule('interleaved', 4, 6)).toThrow('M=6 is not a multiple of K=4');
    try {
      makeSchedule('interleaved', 4, 6);
    } catch (error) {
      expect(error).toMatchObject({ code: 'PT_SCHEDULE', hint: 'Use 8 micro-batches, or another schedule.' });
    }
  });

  it('hand over without a transfer on one worker', () => {
    const both = simulate(
      parseGrid('0F0 1F0 1B0 0B0'),
      [0, 1].map(() => ({ forwardMs: 1, backwardMs: 1, transferMs: 50 })),
    );
    expect(both.totalMs).toBe(4);
    expect(both.bubbleShare).toBe(0);
  });
});

describe('a schedule of somebody else', () => {
  // A V-shaped placement: worker 0 has the first and the last stage.
  const V = '# V shape\n0F0 . . 3F0 3B0 0B0\n. 1F0 2F0 . 2B0 1B0';

  it('may place stages as it likes, with remarks', () => {
    const schedule = parseGrid(V, 'v');
    expect(schedule).toMatchObject({
      stages: 4,
      micros: 1,
      placement: [
        [0, 3],
        [1, 2],
      ],
    });
    validateSchedule(schedule);
    expect(showGrid(schedule)).toBe('0F0 .   .   3F0 3B0 .   .   0B0\n.   1F0 2F0 .   .   2B0 1B0 .');
  });

  it.each([
    [
      'a stage in two rows',
      '0F0 0B0 2F0 2B0\n1F0 1B0 2F0 2B0',
      '"2F0" stands in row 1 of the grid but names stage 2, which stands in row 0',
    ],
    ['a stage that is not there', '0F0 0B0\n3F0 3B0', 'the grid has no action of stage 1, but of stage 3'],
    [
      'a deadlock between chunks',
      '0F0 2F0 0B0 2B0\n1F0 1B0',
      'stops: no stage can go on\n0F0   2F0   [0B0] 2B0\n1F0   1B0',
    ],
    [
      'a missing backward of a chunk',
      '0F0 2F0 2B0\n1F0 1B0',
      'stage 0: 0B0 is missing; 0 of 1 B actions are there\n0F0           2F0           2B0           [missing 0B0]',
    ],
    [
      'an order that the sums do not allow',
      '0F0 0F1 2F1 2F0 2B0 2B1 0B0 0B1\n1F0 1F1 1B0 1B1',
      'stage 2: 2F1 is out of order; 2F0 is next',
    ],
  ])('is refused with %s', (_, grid, message) => {
    expect(() => {
      validateSchedule(parseGrid(grid, 'mine'));
    }).toThrow(message);
  });

  it('is refused where rows and placement disagree', () => {
    const schedule = makeSchedule('interleaved', 2, 2, 2);
    expect(() => {
      validateSchedule({
        ...schedule,
        placement: [
          [0, 2],
          [1, 1],
        ],
      });
    }).toThrow('places 4 stages, not each of 0 to 3 once; see stage 1');
    expect(() => {
      validateSchedule({ ...schedule, placement: [[0, 1, 2, 3]] });
    }).toThrow('has 2 rows for 1 workers');
  });
});

describe('the memory check', () => {
  const stages = [
    { state: 10e6, perMicro: 5e6 },
    { state: 20e6, perMicro: 1e6 },
  ];

  it('takes state always and activations from a forward to its backward', () => {
    expect(peakBytes(makeSchedule('1f1b', 2, 4), stages)).toEqual([20e6, 21e6]);
    expect(peakBytes(makeSchedule('gpipe', 2, 4), stages)).toEqual([30e6, 24e6]);
    // The input gradient does not free what the weight gradient still needs.
    expect(peakBytes(parseGrid('0F0 0I0 0F1 0I1 0W0 0W1'), stages)).toEqual([20e6]);
  });

  it('counts all chunks of a worker', () => {
    expect(peakBytes(parseGrid('0F0 1F0 1B0 0B0'), stages)).toEqual([36e6]);
  });

  it('marks the first action that takes a worker over the limit', () => {
    requireMemory(makeSchedule('1f1b', 2, 4), stages, 21e6);
    expect(() => {
      requireMemory(makeSchedule('gpipe', 2, 4), stages, 21e6);
    }).toThrow(
      'schedule gpipe, worker 0: with 0F2 it holds 25.0 MB, the limit is 21.0 MB (at its peak it would hold ' +
        '30.0 MB)\n0F0   0F1   [0F2] 0F3',
    );
  });
});
