// Schedule: for every worker of one pipeline the ordered actions of a step. Pure data; it knows no times (simulate.ts),
// no tensors and no workers' names.
import { invariant, present } from '../engine/core/invariant.js';
import type { Action } from './action.js';

export interface Schedule {
  readonly name: string;
  /** Stages of the model: the pipeline length K, or more where a worker runs several of them. */
  readonly stages: number;
  /** M, micro-batches of the replica in a step. */
  readonly micros: number;
  /** One ordered list per worker of the pipeline. */
  readonly workers: readonly (readonly Action[])[];
  /** The stages that each worker runs, ascending; every stage is on one worker. Absent: worker s runs stage s. */
  readonly placement?: readonly (readonly number[])[];
}

/** A rule that draws schedules for any sizes: what the registry lists. */
export interface ScheduleKind {
  readonly name: string;
  /**
   * Stages per worker, where it has a choice and a pipeline more than one worker: the fewest that make a difference, so
   * the fewest transfers. Absent: 1.
   */
  readonly chunks?: number;
  /**
   * For K workers, M micro-batches and `chunks` stages per worker; the schedule has the name of its kind. Throws a
   * ScheduleError where it does not exist for these sizes.
   */
  draw(workers: number, micros: number, chunks: number): Schedule;
}

/** The stages of one worker. */
export const stagesOf = ({ placement }: Schedule, worker: number): readonly number[] =>
  placement === undefined ? [worker] : present(placement[worker], `placement of worker ${worker}`);

/** For every stage the worker that runs it. */
export function workersByStage(schedule: Schedule): number[] {
  const workers = new Array<number>(schedule.stages).fill(-1);
  for (const worker of schedule.workers.keys()) for (const stage of stagesOf(schedule, worker)) workers[stage] = worker;
  return workers;
}

/** A schedule from the rule of one stage, one stage per worker. K and M are positive integers. */
export function scheduleOf(
  name: string,
  stages: number,
  micros: number,
  actionsOf: (stage: number) => readonly Action[],
): Schedule {
  invariant(Number.isInteger(stages) && stages > 0, () => `schedule ${name}: K=${stages} is not a positive integer`);
  invariant(Number.isInteger(micros) && micros > 0, () => `schedule ${name}: M=${micros} is not a positive integer`);
  return { name, stages, micros, workers: Array.from({ length: stages }, (_, stage) => actionsOf(stage)) };
}

/** Actions of one kind for the micro-batches [from, to), ascending. */
export const ascending = (stage: number, kind: Action['kind'], from: number, to: number): Action[] =>
  Array.from({ length: Math.max(0, to - from) }, (_, i) => ({ stage, kind, micro: from + i }));

/** Whether a stage splits its backward into I and W. */
export const splitsBackward = (actions: readonly Action[]): boolean =>
  actions.some(({ kind }) => kind === 'I' || kind === 'W');

/** The actions of one stage, in order. */
export const actionsOf = (schedule: Schedule, stage: number): Action[] =>
  present(schedule.workers[present(workersByStage(schedule)[stage], 'worker')], 'actions').filter(
    (action) => action.stage === stage,
  );
