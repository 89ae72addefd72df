import { describe, expect, it } from 'vitest';
import { UsageError } from '../../engine/core/errors.js';
import { parseGrid, showGrid } from '../../pipeline/grid.js';
import { ScheduleError } from '../../pipeline/schedule-error.js';
import { validateSchedule } from '../../pipeline/validate.js';

function refusal(grid: string): ScheduleError {
  try {
    validateSchedule(parseGrid(grid, 'mine'));
  } catch (error) {
    if (error instanceof ScheduleError) return error;
    throw error;
  }
  throw new Error('the schedule was accepted');
}

describe('validation', () => {
  it('accepts a schedule in any valid order', () => {
    validateSchedule(parseGrid('0F0 0F1 0F2 0B0 0B1 0B2\n1F0 1B0 1F1 1B1 1F2 1B2'));
  });

  it('marks a backward before its forward in the grid', () => {
    const error = refusal('0F0 0F1 0B0 0B1\n1F0 1B1 1F1 1B0');
    expect(error).toBeInstanceOf(UsageError);
    expect(error.code).toBe('PT_SCHEDULE');
    expect(error.message).toBe(
      'schedule mine, stage 1: 1B1 comes before 1F1\n0F0   0F1   0B0   0B1\n1F0   [1B1] 1F1   1B0',
    );
  });

  it.each([
    ['backwards that descend', '0F0 0F1 0B1 0B0', 'stage 0: 0B1 is out of order; 0B0 is next\n0F0   0F1   [0B1] 0B0'],
    ['forwards that descend', '0F1 0F0 0B0 0B1', 'stage 0: 0F1 is out of order; 0F0 is next\n[0F1] 0F0'],
    ['an action that comes twice', '0F0 0F1 0B0 0B0', 'stage 0: 0B0 comes twice\n0F0   0F1   0B0   [0B0]'],
    [
      'a missing backward',
      '0F0 0F1 0B0',
      'stage 0: 0B1 is missing; 1 of 2 B actions are there\n0F0           0F1           0B0           [missing 0B1]',
    ],
    ['a missing forward', '0F0 0B0\n. 1F0', 'stage 1: 1B0 is missing; 0 of 1'],
    ['a micro-batch beyond M', '0F0 0B0\n1F0 1F1 1B0 1B1', '1F1 names micro-batch 1, but there are 1'],
    ['a backward both whole and split', '0F0 0F1 0B0 0I1 0W1', '0B0 beside I and W'],
    ['a weight gradient before its input gradient', '0F0 0W0 0I0', '0W0 comes before 0I0'],
    ['a missing weight gradient', '0F0 0I0', '0W0 is missing'],
  ])('refuses %s', (_, grid, message) => {
    expect(refusal(grid).message).toContain(message);
  });

  it('finds a deadlock and marks where it stops', () => {
    // Stage 0 wants the gradient of micro-batch 0 first, stage 1 the activation of micro-batch 1.
    const error = refusal('0F0 0B0 0F1 0B1\n1F0 1F1 1B0 1B1');
    expect(error.message).toBe('schedule mine stops: no stage can go on\n0F0   [0B0] 0F1   0B1\n1F0   1F1   1B0   1B1');
  });

  it('refuses a row count that is not K', () => {
    expect(() => {
      validateSchedule({ name: 'mine', stages: 2, micros: 1, workers: [[]] });
    }).toThrow('1 rows for 2 stages');
  });
});

describe('a grid as text', () => {
  it('may have free spacing and blank lines', () => {
    const text = '\n 0F0  .   0B0\n\n  .  1F0 1B0 \n';
    expect(showGrid(parseGrid(text))).toBe('0F0 .   .   0B0\n.   1F0 1B0 .');
  });

  it('is refused with the cell that does not fit its row', () => {
    expect(() => parseGrid('0F0\n0B0')).toThrow('"0B0" stands in row 1 of the grid but names stage 0');
    expect(() => parseGrid('0F0 x')).toThrow('"x" is not an action');
    expect(() => parseGrid(' \n')).toThrow('the grid is empty');
  });
});
