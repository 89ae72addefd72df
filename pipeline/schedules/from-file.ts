// A schedule out of a text file: checked, so that what runs later is only the sizes. It knows no costs: what it holds
// in memory is the planner's question.
import { readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { parseGrid } from '../grid.js';
import type { Schedule } from '../schedule.js';
import { ScheduleError } from '../schedule-error.js';
import { validateSchedule } from '../validate.js';
import { SCHEDULES, type ScheduleSource } from './registry.js';

/**
 * Named as the file is. Throws a ScheduleError: no such file, a cell that is no action, an order that cannot run (with
 * the failing cell in brackets).
 */
export function readSchedule(path: string): Schedule {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    const why =
      error instanceof Error && 'code' in error && error.code !== 'ENOENT'
        ? ` that can be read (${String(error.code)})`
        : '';
    throw new ScheduleError(
      `"${path}" is neither a schedule nor a file${why}`,
      `Schedules: ${SCHEDULES.names.join(', ')}. A file holds a grid: one row of actions such as 0F0 per worker.`,
    );
  }
  const schedule = parseGrid(text, basename(path));
  validateSchedule(schedule);
  return schedule;
}

/** What a setting says: auto, a schedule by its name, or a file. */
export const readScheduleSetting = (setting: string): 'auto' | ScheduleSource =>
  setting === 'auto' || SCHEDULES.has(setting) ? setting : readSchedule(setting);
