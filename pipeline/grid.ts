// Grid: a schedule drawn as text, one row per worker, one column per tick t, `.` where a worker idles. Every action
// takes one tick, so the picture shows the order and the dependencies, not real time. Lines that begin with `#` are
// remarks.
import { present } from '../engine/core/invariant.js';
import { type Action, parseAction, showAction } from './action.js';
import type { Schedule } from './schedule.js';
import { ScheduleError } from './schedule-error.js';
import { simulateActions } from './simulate.js';

const IDLE = '.';
/** More than there are layers, or workers, of anything. */
const MOST_STAGES = 4096;

/** The grid of a schedule that runs. Throws a ScheduleError where it deadlocks. */
export function showGrid(schedule: Schedule): string {
  const { totalMs: ticks, spans } = simulateActions(schedule, () => 1);
  const rows = spans.map((list) => {
    const cells = Array.from({ length: ticks }, () => IDLE);
    for (const { action, startMs } of list) cells[startMs] = showAction(action);
    return cells;
  });
  const width = Math.max(1, ...rows.flat().map((cell) => cell.length));
  return rows
    .map((cells) =>
      cells
        .map((cell) => cell.padEnd(width))
        .join(' ')
        .trimEnd(),
    )
    .join('\n');
}

/**
 * The schedule a grid shows; idle cells carry no meaning. Row s holds the actions of stage s, or, where there are more
 * stages than rows, every stage stands in one row (chunks of an interleaved schedule). M is read off the forwards of
 * stage 0. Throws a ScheduleError that names the cell. The result is not validated.
 */
export function parseGrid(text: string, name = 'grid'): Schedule {
  const lines = text.split('\n').filter((line) => line.trim() !== '' && !line.trim().startsWith('#'));
  const workers = lines.map((line) =>
    line
      .trim()
      .split(/\s+/)
      .filter((cell) => cell !== IDLE)
      .map(parseAction),
  );
  if (workers.length === 0) throw new ScheduleError('the grid is empty', 'Write one row of actions per worker.');
  const stages = workers.flat().reduce((most, { stage }) => Math.max(most, stage + 1), workers.length);
  if (stages > MOST_STAGES)
    throw new ScheduleError(
      `the grid has an action of stage ${stages - 1} or as many rows; at most ${MOST_STAGES} stages are read`,
      'Number the stages from 0 without a gap.',
    );
  const rowOf = rowsByStage(workers, stages);
  for (const [row, actions] of workers.entries())
    for (const action of actions)
      if (rowOf[action.stage] !== row)
        throw new ScheduleError(
          `"${showAction(action)}" stands in row ${row} of the grid but names stage ` +
            `${action.stage}${stages === workers.length ? '' : `, which stands in row ${rowOf[action.stage]}`}`,
          stages === workers.length
            ? 'Row s of a grid holds the actions of stage s.'
            : 'All actions of a stage stand in one row.',
        );
  const micros = workers.flat().filter(({ stage, kind }) => stage === 0 && kind === 'F').length;
  if (stages === workers.length) return { name, stages, micros, workers };
  const placement = workers.map((_, row) => rowOf.flatMap((other, stage) => (other === row ? [stage] : [])));
  return { name, stages, micros, workers, placement };
}

/** The row of every stage: its own number where there are as many rows, else the one that names it first. */
function rowsByStage(workers: readonly (readonly Action[])[], stages: number): number[] {
  if (stages === workers.length) return workers.map((_, row) => row);
  const rows = new Array<number>(stages).fill(-1);
  for (const [row, actions] of workers.entries())
    for (const { stage } of actions) if (present(rows[stage], 'row') < 0) rows[stage] = row;
  const absent = rows.indexOf(-1);
  if (absent >= 0)
    throw new ScheduleError(
      `the grid has no action of stage ${absent}, but of stage ${stages - 1}`,
      'Number the stages from 0 without a gap.',
    );
  return rows;
}
