// The schedules that workers can run and the planner may choose, by name. Adding one is one file and one line here.
import { Registry } from '../../engine/core/registry.js';
import type { Schedule, ScheduleKind } from '../schedule.js';
import { ScheduleError } from '../schedule-error.js';
import { gpipeKind } from './gpipe.js';
import { interleavedKind } from './interleaved.js';
import { oneFOneBKind } from './one-f-one-b.js';
import { zeroBubbleH1Kind } from './zb-h1.js';

export const SCHEDULES = new Registry<ScheduleKind>('schedule', [
  // Of schedules that are equally fast the one that comes first is preferred, because it holds less or sends less.
  oneFOneBKind,
  gpipeKind,
  zeroBubbleH1Kind,
  interleavedKind,
]);

/** A name among them. Not simply a string, in which the word of a setting, `auto`, would get lost. */
export type ScheduleName = string & Record<never, never>;

/** Stages per worker of a schedule on a pipeline of K workers. */
export const chunksOf = (name: ScheduleName, workers: number): number =>
  workers > 1 ? (SCHEDULES.get(name).chunks ?? 1) : 1;

/**
 * The schedule of that name for K workers and M micro-batches. Throws a ScheduleError where it does not exist for these
 * sizes.
 */
export const makeSchedule = (
  name: ScheduleName,
  workers: number,
  micros: number,
  chunks = chunksOf(name, workers),
): Schedule => SCHEDULES.get(name).draw(workers, micros, chunks);

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
