// The order of a schedule as text, without time: one row per stage, one failing cell in brackets. For errors about schedules that cannot be
// drawn as a grid because they do not run.
import { showAction } from './action.js';
import type { Schedule } from './schedule.js';

/** Rows of actions; the cell `at` of stage `stage` in brackets. A cell behind the end of its row is shown as `[missing]`, with `note` in it. */
export function markedOrder(schedule: Schedule, stage: number, at: number, missing = ''): string {
  const rows = schedule.workers.map((actions, s) => {
    const cells = actions.map((action, i) => (s === stage && i === at ? `[${showAction(action)}]` : showAction(action)));
    if (s === stage && at >= actions.length) cells.push(`[missing ${missing}]`);
    return cells;
  });
  const width = Math.max(...rows.flat().map((cell) => cell.length));
  return rows.map((cells) => cells.map((cell) => cell.padEnd(width)).join(' ').trimEnd()).join('\n');
}
