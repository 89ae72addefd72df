// Grid: a schedule drawn as text, one row per stage, one column per tick t, `.` where a stage idles. Every action takes one tick, so the
// picture shows the order and the dependencies, not real time.
import { present } from '../engine/core/invariant.js';
import { parseAction, showAction } from './action.js';
import { ScheduleError } from './schedule-error.js';
import type { Schedule } from './schedule.js';
import { simulateActions } from './simulate.js';

const IDLE = '.';

/** The grid of a schedule that runs. Throws a ScheduleError where it deadlocks. */
export function showGrid(schedule: Schedule): string {
  const { totalMs: ticks, spans } = simulateActions(schedule, () => 1);
  const rows = spans.map((list) => {
    const cells = Array.from({ length: ticks }, () => IDLE);
    for (const { action, startMs } of list) cells[startMs] = showAction(action);
    return cells;
  });
  const width = Math.max(1, ...rows.flat().map((cell) => cell.length));
  return rows.map((cells) => cells.map((cell) => cell.padEnd(width)).join(' ').trimEnd()).join('\n');
}

/**
 * The schedule a grid shows; idle cells carry no meaning. The text must have one row per stage, in order; M is read off the forwards of the
 * first row. Throws a ScheduleError that names the cell. The result is not validated.
 */
export function parseGrid(text: string, name = 'grid'): Schedule {
  const lines = text.split('\n').filter((line) => line.trim() !== '');
  const workers = lines.map((line, stage) =>
    line.trim().split(/\s+/).filter((cell) => cell !== IDLE).map((cell) => {
      const action = parseAction(cell);
      if (action.stage !== stage)
        throw new ScheduleError(`"${cell}" stands in row ${stage} of the grid but names stage ${action.stage}`, 'Row s of a grid holds the actions of stage s.');
      return action;
    }),
  );
  if (workers.length === 0) throw new ScheduleError('the grid is empty', 'Write one row of actions per stage.');
  const micros = present(workers[0], 'first row').filter(({ kind }) => kind === 'F').length;
  return { name, stages: workers.length, micros, workers };
}
