// The schedules by name. Adding one is one file and one line here.
import type { Schedule } from '../schedule.js';
import { gpipe } from './gpipe.js';
import { oneFOneB } from './one-f-one-b.js';

const SCHEDULES = { '1f1b': oneFOneB, gpipe } as const;

export type ScheduleName = keyof typeof SCHEDULES;

/** All names; of schedules that are equally fast the one that comes first is preferred, because it holds fewer activations. */
export const scheduleNames = Object.keys(SCHEDULES) as readonly ScheduleName[];

/** The schedule of that name for K stages and M micro-batches. */
export const makeSchedule = (name: ScheduleName, stages: number, micros: number): Schedule => SCHEDULES[name](stages, micros);
