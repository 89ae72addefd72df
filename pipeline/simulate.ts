// Simulation of a schedule: when each action would run, given how long it takes. A prediction from data, never a
// measurement.
import { present } from '../engine/core/invariant.js';
import type { Action } from './action.js';
import { markedOrder } from './order.js';
import { type Schedule, workersByStage } from './schedule.js';
import { ScheduleError } from './schedule-error.js';

/** Times of one stage for one micro-batch, milliseconds. */
export interface StageTimes {
  readonly forwardMs: number;
  /** The whole backward (B). */
  readonly backwardMs: number;
  /** The part of it that is the input gradient (I); the rest is W. Default: half. */
  readonly inputGradientMs?: number;
  /**
   * From the end of an action until its result may be used by the neighbour: forward to stage s+1, backward to stage
   * s-1. Default: 0.
   */
  readonly transferMs?: number;
}

/** An action with its place in time. */
export interface Span {
  readonly action: Action;
  readonly startMs: number;
  readonly endMs: number;
}

export interface Simulation {
  readonly totalMs: number;
  /** Per worker, the time it computes. */
  readonly busyMs: readonly number[];
  /** Idle time of all workers over their number * total; 0 is perfect. */
  readonly bubbleShare: number;
  /** Per worker, the most (stage, micro-batch) pairs whose activations are held at once. */
  readonly peakLive: readonly number[];
  /** Per worker, in order. */
  readonly spans: readonly (readonly Span[])[];
}

/** The most micro-batches one worker holds at once, counted per stage: from the start of F to the end of B (or W). */
export function peakLive(actions: readonly Action[]): number {
  let live = 0;
  let peak = 0;
  for (const { kind } of actions) {
    if (kind === 'F') peak = Math.max(peak, ++live);
    else if (kind !== 'I') live--;
  }
  return peak;
}

/**
 * What must have ended before `action` may start: the same stage's earlier half, and the result of the stage before or
 * behind it.
 */
function needs(
  { stage, kind, micro }: Action,
  stages: number,
): { readonly own: string[]; readonly neighbour: { readonly stage: number; readonly keys: string[] } | null } {
  if (kind === 'F') return { own: [], neighbour: stage === 0 ? null : { stage: stage - 1, keys: [`F${micro}`] } };
  if (kind === 'W') return { own: [`I${micro}`], neighbour: null };
  return {
    own: [`F${micro}`],
    neighbour: stage === stages - 1 ? null : { stage: stage + 1, keys: [`B${micro}`, `I${micro}`] },
  };
}

/**
 * Runs the schedule on paper: every worker takes its actions in order, each as early as its inputs allow. Stages on one
 * worker hand over without a transfer. `handlingOf` passes between two actions of a worker, in which it tells and looks
 * for messages; it counts as idle. Throws a ScheduleError where no worker can go on (deadlock).
 *
 * Not modelled: limited buffers between stages, transfers that slow each other or the computation down, workers that
 * share cores or memory bandwidth, the variation of times between micro-batches, gradient reduction, clipping and the
 * update (the planner adds those), loading of data, and the start of a step after the one before.
 */
export function simulateActions(
  schedule: Schedule,
  durationOf: (action: Action) => number,
  transferOf: (stage: number) => number = () => 0,
  handlingOf: () => number = () => 0,
): Simulation {
  const run = new PaperRun(schedule, { durationOf, transferOf, handlingOf });
  for (let progressed = true; progressed;) {
    progressed = false;
    for (const worker of schedule.workers.keys()) while (run.advance(worker)) progressed = true;
  }
  run.requireEnd();

  const { spans } = run;
  const totalMs = run.lastEndMs;
  const busyMs = spans.map((list) => list.reduce((sum, { startMs, endMs }) => sum + (endMs - startMs), 0));
  return {
    totalMs,
    busyMs,
    bubbleShare: idleShare(busyMs, totalMs),
    peakLive: schedule.workers.map(peakLive),
    spans,
  };
}

/** How long things take, as the parameters of `simulateActions`. */
interface Durations {
  readonly durationOf: (action: Action) => number;
  readonly transferOf: (stage: number) => number;
  readonly handlingOf: () => number;
}

/** How far every worker has come. */
class PaperRun {
  readonly #schedule: Schedule;
  readonly #times: Durations;
  readonly #workerOf: readonly number[];
  /** Per stage, when each of its actions ended, by kind and micro-batch. */
  readonly #ends: readonly Map<string, number>[];
  /** Per worker, the end of its last action. */
  readonly #clocks: number[];
  /** Per worker. */
  readonly spans: readonly Span[][];

  constructor(schedule: Schedule, times: Durations) {
    this.#schedule = schedule;
    this.#times = times;
    this.#workerOf = workersByStage(schedule);
    this.#ends = this.#workerOf.map(() => new Map<string, number>());
    this.#clocks = schedule.workers.map(() => 0);
    this.spans = schedule.workers.map(() => []);
  }

  /** Runs the next action of a worker. False where there is none or its inputs are not there. */
  advance(worker: number): boolean {
    const spans = present(this.spans[worker], 'spans');
    const action = this.#schedule.workers[worker]?.[spans.length];
    const startMs = action === undefined ? null : this.#startOf(action);
    if (action === undefined || startMs === null) return false;
    const endMs = startMs + this.#times.durationOf(action);
    this.#ends[action.stage]?.set(`${action.kind}${action.micro}`, endMs);
    spans.push({ action, startMs, endMs });
    this.#clocks[worker] = endMs;
    return true;
  }

  /** The earliest time an action may start, or null where something it needs has not ended. */
  #startOf(action: Action): number | null {
    const { own, neighbour } = needs(action, this.#schedule.stages);
    const worker = present(this.#workerOf[action.stage], `worker of stage ${action.stage}`);
    const isFirst = this.spans[worker]?.length === 0;
    let start = present(this.#clocks[worker], 'clock') + (isFirst ? 0 : this.#times.handlingOf());
    for (const key of own) {
      const end = this.#ends[action.stage]?.get(key);
      if (end === undefined) return null;
      start = Math.max(start, end);
    }
    if (neighbour === null) return start;
    const ends = this.#ends[neighbour.stage];
    const [end] = neighbour.keys.map((key) => ends?.get(key)).filter((end) => end !== undefined);
    if (end === undefined) return null;
    const isNear = this.#workerOf[neighbour.stage] === worker;
    return Math.max(start, end + (isNear ? 0 : this.#times.transferOf(neighbour.stage)));
  }

  /** Throws a ScheduleError where a worker has not come to its end. */
  requireEnd(): void {
    const { name, workers } = this.#schedule;
    const positions = this.spans.map((list) => list.length);
    const stuck = workers.findIndex((actions, worker) => present(positions[worker], 'position') < actions.length);
    if (stuck >= 0)
      throw new ScheduleError(
        `schedule ${name} stops: no stage can go ` +
          `on\n${markedOrder(this.#schedule, stuck, present(positions[stuck], 'position'))}`,
        'The marked action waits for one that comes later; change the order.',
      );
  }

  get lastEndMs(): number {
    return Math.max(0, ...this.#clocks);
  }
}

/**
 * Idle share of the workers of a pipeline between its first forward and its last backward, which are `totalMs` apart.
 */
export const idleShare = (busyMs: readonly number[], totalMs: number): number =>
  totalMs === 0 ? 0 : Math.max(0, 1 - busyMs.reduce((sum, ms) => sum + ms, 0) / (busyMs.length * totalMs));

/** `simulateActions` with one set of times per stage, and `handlingMs` between two actions of a worker. */
export function simulate(schedule: Schedule, times: readonly StageTimes[], handlingMs = 0): Simulation {
  const timesOf = (stage: number): StageTimes => present(times[stage], `times of stage ${stage}`);
  const durationOf = ({ stage, kind }: Action): number => {
    const { forwardMs, backwardMs, inputGradientMs = backwardMs / 2 } = timesOf(stage);
    return { F: forwardMs, B: backwardMs, I: inputGradientMs, W: backwardMs - inputGradientMs }[kind];
  };
  return simulateActions(
    schedule,
    durationOf,
    (stage) => timesOf(stage).transferMs ?? 0,
    () => handlingMs,
  );
}
