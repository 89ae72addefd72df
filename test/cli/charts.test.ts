// Charts: axes with round numbers, and drawings that stay inside their frame.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { ganttChart, lineChart, niceTicks } from '../../cli/report/charts.js';
import { thin } from '../../cli/report/curve.js';

const finite = fc.double({ min: -1e6, max: 1e6, noNaN: true });

test('ticks are round, in order, inside the range, and about as many as wanted', () => {
  expect(niceTicks(0, 1, 5)).toEqual([0, 0.2, 0.4, 0.6, 0.8, 1]);
  expect(niceTicks(0.13, 2.87, 5)).toEqual([1, 2]);
  expect(niceTicks(0, 300, 9)).toEqual([0, 50, 100, 150, 200, 250, 300]);
  fc.assert(
    fc.property(
      finite,
      fc.double({ min: 1e-3, max: 1e6, noNaN: true }),
      fc.integer({ min: 2, max: 12 }),
      (low, span, wanted) => {
        const ticks = niceTicks(low, low + span, wanted);
        expect(ticks.length).toBeLessThanOrEqual(wanted + 1);
        for (const [i, tick] of ticks.entries()) {
          // The ends may be missed by the rounding to 12 digits.
          expect(tick).toBeGreaterThanOrEqual(low - 1e-6 * (Math.abs(low) + span));
          expect(tick).toBeLessThanOrEqual(low + span + 1e-6 * (Math.abs(low) + span));
          if (i > 0) expect(tick).toBeGreaterThan(ticks[i - 1] as number);
        }
      },
    ),
  );
});

test('thinning keeps the ends in reach and the mean', () => {
  const points = Array.from({ length: 1000 }, (_, i) => [i, i % 2] as const);
  const thinned = thin(points, 100);
  expect(thinned).toHaveLength(100);
  expect(thinned.every(([, y]) => y === 0.5)).toBe(true);
  expect(thin(points, 2000)).toEqual(points);
});

test('every point of a line lies inside the frame, whatever the values', () => {
  fc.assert(
    fc.property(
      fc.array(
        fc.tuple(fc.double({ min: 0, max: 1e5, noNaN: true }), fc.oneof(finite, fc.constantFrom(NaN, Infinity))),
        { maxLength: 30 },
      ),
      (points) => {
        const svg = lineChart({
          label: 'x',
          xLabel: 'step',
          series: [{ name: 'a', points, colour: 0, style: 'line' }],
        }).text;
        expect(svg).not.toMatch(/NaN|Infinity|undefined/);
        for (const [, x, y] of svg.matchAll(/[ML](-?[\d.]+) (-?[\d.]+)/g)) {
          expect(Number(x)).toBeGreaterThanOrEqual(64);
          expect(Number(x)).toBeLessThanOrEqual(944);
          expect(Number(y)).toBeGreaterThanOrEqual(12);
          expect(Number(y)).toBeLessThanOrEqual(220);
        }
      },
    ),
  );
});

test('bars keep their text to their title where it does not fit', () => {
  const chart = (to: number): string =>
    ganttChart({
      label: 'x',
      xLabel: 's',
      rows: [
        {
          label: 'w0',
          bars: [
            { from: 0, to, text: 'blocks 0-7', title: 'all of it', colour: 0 },
            { from: to, to: 100, text: 'idle', title: 'idle', colour: null },
          ],
        },
      ],
    }).text;
  expect(chart(50)).toContain('>blocks 0-7</text>');
  expect(chart(1)).not.toContain('>blocks 0-7</text>');
  expect(chart(1)).toContain('<title>all of it</title>');
});
