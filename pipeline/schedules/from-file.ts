// A schedule out of a text file: checked, so that what runs later is only the sizes. It knows no costs: what it holds
// in memory is the planner's question.
import { basename } from 'node:path';
import { readBoundedText } from '../../engine/core/bounded-file.js';
import { PipetrainError } from '../../engine/core/errors.js';
import { parseGrid } from '../grid.js';
import type { Schedule } from '../schedule.js';
import { ScheduleError } from '../schedule-error.js';
import { validateSchedule } from '../validate.js';
import { SCHEDULES, type ScheduleSource } from './registry.js';

/** The grid of 64 workers and 1000 micro-batches has 0.6 MB. */
const LIMIT = { maxBytes: 2 ** 20, remedy: 'Name a file with the grid of a schedule, or a schedule by its name.' };

/**
 * Named as the file is. Throws a ScheduleError: no such file, a cell that is no action, an order that cannot run (with
 * the failing cell in brackets).
 */
export function readSchedule(path: string): Schedule {
  let text: string;
  try {
    text = readBoundedText(path, LIMIT);
  } catch (error) {
    if (error instanceof PipetrainError) throw error;
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
