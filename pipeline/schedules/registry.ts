// The schedules that workers can run and the planner may choose, by name. Adding one is one file and one line here.
import type { Schedule } from '../schedule.js';
import { ScheduleError } from '../schedule-error.js';
import { gpipe } from './gpipe.js';
import { interleaved } from './interleaved.js';
import { oneFOneB } from './one-f-one-b.js';
import { zeroBubbleH1 } from './zb-h1.js';

/** For K workers and M micro-batches; `chunks` is v, the stages per worker, for schedules that have a choice. */
type Draw = (workers: number, micros: number, chunks: number) => Schedule;

const SCHEDULES = { '1f1b': oneFOneB, gpipe, 'zb-h1': zeroBubbleH1, interleaved } as const satisfies Record<
  string,
  Draw
>;

export type ScheduleName = keyof typeof SCHEDULES;

/**
 * All names; of schedules that are equally fast the one that comes first is preferred, because it holds less or sends
 * less.
 */
export const scheduleNames = Object.keys(SCHEDULES) as readonly ScheduleName[];

export const isScheduleName = (text: string): text is ScheduleName => Object.hasOwn(SCHEDULES, text);

/** Stages per worker, where the schedule has a choice: the fewest that make a difference, so the fewest transfers. */
export const CHUNKS = 2;

/** Stages per worker of a schedule on a pipeline of K workers. */
export const chunksOf = (name: ScheduleName, workers: number): number =>
  name === 'interleaved' && workers > 1 ? CHUNKS : 1;

/**
 * The schedule of that name for K workers and M micro-batches. Throws a ScheduleError where it does not exist for these
 * sizes.
 */
export const makeSchedule = (
  name: ScheduleName,
  workers: number,
  micros: number,
  chunks = chunksOf(name, workers),
): Schedule => SCHEDULES[name](workers, micros, chunks);

/** A schedule by its name, or one of somebody's own, which is for one K and one M only. */
export type ScheduleSource = ScheduleName | Schedule;

/** Whether a schedule of somebody's own is for these sizes; those with a name are for nearly all. */
export const suits = (source: ScheduleSource, workers: number, micros: number): boolean =>
  typeof source === 'string' || (source.workers.length === workers && source.micros === micros);

/** The schedule for K workers and M micro-batches. Throws a ScheduleError where it does not exist for these sizes. */
export function drawSchedule(source: ScheduleSource, workers: number, micros: number): Schedule {
  if (typeof source === 'string') return makeSchedule(source, workers, micros);
  if (suits(source, workers, micros)) return source;
  throw new ScheduleError(
    `the schedule ${source.name} is for ${sizesOf(source)}, here are K=${workers} workers in a pipeline and ` +
      `M=${micros} micro-batches in each`,
    `Use --pipeline ${source.workers.length} and ${source.micros} micro-batches per replica (--batch / ` +
      '--micro-batch / --replicas), or another schedule.',
  );
}

/** How a schedule is called in events and texts. */
export const scheduleName = (source: ScheduleSource): string => (typeof source === 'string' ? source : source.name);

/** K and M as text. */
export const sizesOf = ({ workers, micros }: Schedule): string => `K=${workers.length}, M=${micros}`;
