// MeasuredStep: what one replica's workers really did in a step, in the terms of the simulator: spans of actions, busy
// and idle time. It measures nothing itself, and knows no blocks.
import { present } from '../engine/core/invariant.js';
import { type Action, showAction } from './action.js';
import { type Schedule, workersByStage } from './schedule.js';
import { idleShare, simulateActions, type Simulation } from './simulate.js';

/**
 * Begin and end of every action of a worker, in the order of its schedule; milliseconds on a clock that all workers
 * share.
 */
export type WorkerSpans = readonly number[];

export interface MeasuredStep {
  /** From the first forward to the last backward. */
  readonly totalMs: number;
  /** Per worker. */
  readonly busyMs: readonly number[];
  /** Idle share of the workers in `totalMs`: defined as in a simulation. */
  readonly bubbleShare: number;
}

export function measuredStep(workers: readonly WorkerSpans[]): MeasuredStep {
  const busyMs = workers.map((spans) => spans.reduce((sum, ms, i) => sum + (i % 2 === 0 ? -ms : ms), 0));
  // A worker without actions has been idle for as long as the others took.
  const all = workers.filter((spans) => spans.length > 0);
  const totalMs =
    all.length === 0
      ? 0
      : Math.max(...all.map((spans) => spans.at(-1) as number)) - Math.min(...all.map((spans) => spans[0] as number));
  return { totalMs, busyMs, bubbleShare: idleShare(busyMs, totalMs) };
}

/** What a simulation needs to know of the steps of one shape. */
export interface MeasuredTimes {
  /**
   * Milliseconds by stage and kind, e.g. `0F`: the median over the steps of every such action, and the mean of those.
   */
  readonly byKind: ReadonlyMap<string, number>;
  /**
   * From the end of an action to the start of the one on another worker that waited for nothing else; 0 where nobody
   * waited. The mean: hand-overs follow on each other, so that their sum is what counts, rare slow ones included.
   */
  readonly transferMs: number;
  /** From the end of an action to the start of the next one on the same worker whose inputs were there, mean. */
  readonly handlingMs: number;
}

/** `steps` are the spans of the workers of one replica, step by step. */
export function measuredTimes(schedule: Schedule, steps: readonly (readonly WorkerSpans[])[]): MeasuredTimes {
  const byAction = new Map<string, number[]>();
  const transfers: number[] = [];
  const handlings: number[] = [];
  for (const step of steps) {
    const ends = new Map<string, number>();
    forEachSpan(schedule, step, (action, begin, end) => {
      add(byAction, showAction(action), end - begin);
      ends.set(showAction(action), end);
    });
    forEachSpan(schedule, step, (action, begin, _, before) => {
      if (before === null) return;
      const arrived = arrivalOf(schedule, action, ends);
      if (arrived !== null && arrived > before) transfers.push(begin - arrived);
      else handlings.push(begin - before);
    });
  }
  const byKind = new Map<string, number[]>();
  for (const [action, durations] of byAction) add(byKind, action.replace(/\d+$/, ''), median(durations));
  return {
    byKind: new Map([...byKind].map(([kind, durations]) => [kind, mean(durations)])),
    transferMs: mean(transfers),
    handlingMs: mean(handlings),
  };
}

/**
 * The same step in the simulator: every action as long as it was, in the order and with the hand-overs that the
 * schedule says.
 */
export function replayed(
  schedule: Schedule,
  step: readonly WorkerSpans[],
  { transferMs, handlingMs }: MeasuredTimes,
): Simulation {
  const durations = new Map<string, number>();
  forEachSpan(schedule, step, (action, begin, end) => void durations.set(showAction(action), end - begin));
  return simulateActions(
    schedule,
    (action) => present(durations.get(showAction(action)), 'duration'),
    () => transferMs,
    () => handlingMs,
  );
}

type Visit = (action: Action, begin: number, end: number, endOfTheOneBefore: number | null) => void;

function forEachSpan(schedule: Schedule, step: readonly WorkerSpans[], visit: Visit): void {
  for (const [worker, actions] of schedule.workers.entries()) {
    const spans = present(step[worker], `spans of worker ${worker}`);
    for (const [i, action] of actions.entries())
      visit(
        action,
        present(spans[2 * i], 'begin'),
        present(spans[2 * i + 1], 'end'),
        i === 0 ? null : present(spans[2 * i - 1], 'end'),
      );
  }
}

/** When what the action needs from another worker was done there, or null where it needs nothing from another one. */
function arrivalOf(
  schedule: Schedule,
  { stage, kind, micro }: Action,
  ends: ReadonlyMap<string, number>,
): number | null {
  if (kind === 'W') return null;
  const from = kind === 'F' ? stage - 1 : stage + 1;
  const workerOf = workersByStage(schedule);
  if (from < 0 || from >= schedule.stages || workerOf[from] === workerOf[stage]) return null;
  return (
    (kind === 'F' ? ends.get(`${from}F${micro}`) : (ends.get(`${from}B${micro}`) ?? ends.get(`${from}I${micro}`))) ??
    null
  );
}

function add(lists: Map<string, number[]>, key: string, value: number): void {
  const list = lists.get(key);
  if (list === undefined) lists.set(key, [value]);
  else list.push(value);
}

/** 0 of none. */
const mean = (values: readonly number[]): number =>
  values.length === 0 ? 0 : values.reduce((sum, value) => sum + value, 0) / values.length;

/** The middle value, the higher of the two middle ones of an even number; 0 of none. */
export const median = (values: readonly number[]): number =>
  [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
