// The schedules that workers can run and the planner may choose, by name. Adding one is one file and one line here.
import type { Schedule } from '../schedule.js';
import { gpipe } from './gpipe.js';
import { interleaved } from './interleaved.js';
import { oneFOneB } from './one-f-one-b.js';
import { zeroBubbleH1 } from './zb-h1.js';

/** For K workers and M micro-batches; `chunks` is v, the stages per worker, for schedules that have a choice. */
type Draw = (workers: number, micros: number, chunks: number) => Schedule;

const SCHEDULES = { '1f1b': oneFOneB, gpipe, 'zb-h1': zeroBubbleH1, interleaved } as const satisfies Record<string, Draw>;

export type ScheduleName = keyof typeof SCHEDULES;

/** All names; of schedules that are equally fast the one that comes first is preferred, because it holds less or sends less. */
export const scheduleNames = Object.keys(SCHEDULES) as readonly ScheduleName[];

export const isScheduleName = (text: string): text is ScheduleName => Object.hasOwn(SCHEDULES, text);

/** Stages per worker, where the schedule has a choice: the fewest that make a difference, so the fewest transfers. */
export const CHUNKS = 2;

/** Stages per worker of a schedule on a pipeline of K workers. */
export const chunksOf = (name: ScheduleName, workers: number): number => (name === 'interleaved' && workers > 1 ? CHUNKS : 1);

/** The schedule of that name for K workers and M micro-batches. Throws a ScheduleError where it does not exist for these sizes. */
export const makeSchedule = (name: ScheduleName, workers: number, micros: number, chunks = chunksOf(name, workers)): Schedule => SCHEDULES[name](workers, micros, chunks);
