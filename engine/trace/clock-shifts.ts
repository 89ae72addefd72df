// ClockShifts: by how much the times of workers on other machines are moved. The clock of every machine counts from a
// zero of its own; what is known is that no result is used before it is there. Pure.
import { type Action, showAction } from '../../pipeline/action.js';
import { present } from '../core/invariant.js';
import { givers } from './hand-overs.js';

/** A worker, its replica, and its actions in order. */
export interface Row {
  readonly worker: string;
  readonly replica: number;
  readonly actions: readonly Action[];
}

/** Times of one machine that lie outside of the step by no more come from how it was measured. Microseconds. */
const SLACK = 50_000;

/**
 * For each worker whose clock is another one, the microseconds to add to its times. `times` are begins and ends of the
 * actions, in microseconds after the end of a step that took `micros`.
 */
export function clockShifts(
  rows: readonly Row[],
  times: ReadonlyMap<string, readonly number[]>,
  micros: number,
): ReadonlyMap<string, number> {
  const timesOf = ({ worker }: Row): readonly number[] => present(times.get(worker), 'times of the worker');
  const isForeign = (row: Row): boolean =>
    timesOf(row).some((at) => at > SLACK || at < -micros - SLACK) && row.actions.length > 0;
  const shifts = new Map<string, number>();
  const foreign = rows.filter(isForeign);
  const placed = rows.filter((row) => !foreign.includes(row));
  const shiftOf = (row: Row, others: readonly Row[]): number | null =>
    between(
      { ...row, times: timesOf(row) },
      others.map((other) => ({
        ...other,
        times: timesOf(other).map((at) => at + (shifts.get(other.worker) ?? 0)),
      })),
    );
  while (foreign.length > 0) {
    const near = foreign.findIndex((row) => shiftOf(row, neighboursOf(row, placed)) !== null);
    const [row] = foreign.splice(Math.max(0, near), 1) as [Row];
    // Nothing tells more of one that works alone than that it began when the step did.
    shifts.set(row.worker, shiftOf(row, neighboursOf(row, placed)) ?? -micros - (timesOf(row)[0] ?? 0));
    placed.push(row);
  }
  return shifts;
}

const neighboursOf = ({ replica }: Row, rows: readonly Row[]): Row[] => rows.filter((row) => row.replica === replica);

type TimedRow = Row & { readonly times: readonly number[] };

/** The middle of what the hand-overs between a row and the others allow, or null where there are none. */
function between(row: TimedRow, others: readonly TimedRow[]): number | null {
  const own = endsAndBegins(row);
  let [least, most] = [-Infinity, Infinity];
  for (const other of others) {
    const there = endsAndBegins(other);
    for (const { action, begin } of own.values())
      for (const giver of givers(action)) least = Math.max(least, (there.get(giver)?.end ?? -Infinity) - begin);
    for (const { action, begin } of there.values())
      for (const giver of givers(action)) most = Math.min(most, begin - (own.get(giver)?.end ?? -Infinity));
  }
  if (least === -Infinity) return most === Infinity ? null : most;
  return Math.round(most === Infinity ? least : (least + most) / 2);
}

function endsAndBegins({ actions, times }: TimedRow): Map<string, { action: Action; begin: number; end: number }> {
  return new Map(
    actions.map((action, i) => [
      showAction(action),
      { action, begin: times[2 * i] as number, end: times[2 * i + 1] as number },
    ]),
  );
}
