// The order of a schedule as text, without time: one row per worker, one failing cell in brackets. For errors about
// schedules that cannot be drawn as a grid because they do not run.
import { showAction } from './action.js';
import type { Schedule } from './schedule.js';

/**
 * Rows of actions; the cell `at` of row `row` in brackets. A cell behind the end of its row is shown as `[missing]`,
 * with `note` in it.
 */
export function markedOrder(schedule: Schedule, row: number, at: number, missing = ''): string {
  const rows = schedule.workers.map((actions, r) => {
    const cells = actions.map((action, i) => (r === row && i === at ? `[${showAction(action)}]` : showAction(action)));
    if (r === row && at >= actions.length) cells.push(`[missing ${missing}]`);
    return cells;
  });
  const width = Math.max(...rows.flat().map((cell) => cell.length));
  return rows
    .map((cells) =>
      cells
        .map((cell) => cell.padEnd(width))
        .join(' ')
        .trimEnd(),
    )
    .join('\n');
}
