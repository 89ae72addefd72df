// Schedules of somebody's own: read from text, checked, and taken by the planner where they are for the sizes at hand.
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parseGrid } from '../../pipeline/grid.js';
import { choosePipeline } from '../../pipeline/planner.js';
import { readSchedule, readScheduleSetting } from '../../pipeline/schedules/from-file.js';
import { scheduleName } from '../../pipeline/schedules/registry.js';
import { scratchWith } from '../scratch.js';
import { asking, PLANNER_INPUT } from './cost-model.js';

const fileOf = (text: string): string => join(scratchWith({ 'mine.txt': text }), 'mine.txt');

/** One forward ahead of 1F1B on the first stage. */
const EAGER = `# four micro-batches
0F0 0F1 0F2 0B0 0F3 0B1 0B2 0B3
. 1F0 1B0 1F1 1B1 1F2 1B2 1F3 1B3`;

describe('a schedule file', () => {
  it('is a grid with the name of the file', () => {
    expect(readSchedule(fileOf(EAGER))).toMatchObject({ name: 'mine.txt', stages: 2, micros: 4 });
    expect(readScheduleSetting('gpipe')).toBe('gpipe');
    expect(readScheduleSetting('auto')).toBe('auto');
  });

  it.each([
    ['is missing', 'no-such.txt', /"no-such.txt" is neither a schedule nor a file/],
    ['is a folder', import.meta.dirname, /is a folder, not a file/],
  ])('%s', (_, path, message) => {
    expect(() => readSchedule(path)).toThrow(message);
  });

  it.each([
    ['a stage of which there are too many', '0F0 999999999F0', 'stage 999999999'],
    ['a deadlock', '0F0 0B0 0F1 0B1\n1F0 1F1 1B0 1B1', '0F0 [0B0] 0F1 0B1'],
    ['an order that exact sums do not allow', '0F1 0F0 0B0 0B1\n1F0 1B0 1F1 1B1', '[0F1] 0F0'],
    ['a missing action', '0F0 0B0\n1F0', '[missing 1B0]'],
  ])('with %s is refused, the cell marked', (_, text, marked) => {
    const padded = (line: string): string => line.replaceAll(/ +/g, ' ');
    let message = '';
    try {
      readSchedule(fileOf(text));
    } catch (error) {
      message = padded(String(error));
    }
    expect(message).toContain(marked);
  });
});

const base = asking(PLANNER_INPUT, { rules: { schedule: parseGrid(EAGER, 'mine.txt') } });

describe("the planner with a schedule of somebody's own", () => {
  it('takes its K, and the replicas that give each its M', () => {
    const { K, R, schedule, microBatches } = choosePipeline(base);
    expect([K, R, scheduleName(schedule), microBatches]).toEqual([2, 2, 'mine.txt', 4]);
  });

  it.each([
    [{ shape: { fixedK: 4 } }, /mine.txt is for K=2, M=4, here are K=4 workers/],
    [{ shape: { fixedR: 1 } }, /mine.txt is for K=2, M=4, here are K=2 workers in a pipeline and M=8 micro-batches/],
    [{ batch: { numMicroBatches: 6 } }, /M=6 micro-batches/],
    [{ crew: { workers: 1 } }, /a pipeline of 2 stages needs 2 workers, but there are 1/],
  ])('says where it does not fit: %o', (change, message) => {
    expect(() => choosePipeline(asking(base, change))).toThrow(message);
  });

  it('marks the action that takes a worker over the memory limit', () => {
    const costs = base.model.costs.map((cost) => ({
      ...cost,
      parameterBytes: 0,
      gradientBytes: 0,
      optimizerBytes: 0,
      savedBytes: 1e6,
      outputBytes: 0,
    }));
    // Two micro-batches of four blocks; with three of two blocks it would fit into 6 MB.
    expect(() => choosePipeline(asking(base, { model: { costs }, memory: { limit: 5e6 } }))).toThrow(
      /with 0F1 it holds 8.0 MB, the limit is 5.0 MB[^]*0F0 +\[0F1\] +0F2/,
    );
    expect(choosePipeline(asking(base, { model: { costs }, memory: { limit: 6e6 } })).memoryPerWorker).toEqual([
      6e6, 6e6,
    ]);
  });

  it('takes another one later, where K or M has changed, and says why', () => {
    const later = asking(base, { rules: { mayChangeSchedule: true } });
    const shrunk = choosePipeline(asking(later, { model: { frozen: 7 } }));
    expect(shrunk).toMatchObject({ K: 1, R: 4, schedule: '1f1b' });
    expect(shrunk.reason).toMatch(/^mine.txt is for K=2, M=4 and has no place here; K=1, R=4/);
    expect(scheduleName(choosePipeline(asking(later, { shape: { fixedK: 2, fixedR: 2 } })).schedule)).toBe('mine.txt');
    expect(choosePipeline(asking(later, { shape: { fixedK: 2, fixedR: 1 } })).reason).toContain('has no place here');
  });
});
