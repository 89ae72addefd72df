// All schedules that can be drawn, validated and simulated, by name. Those that the planner may choose and workers can run are fewer: registry.ts.
import type { Schedule } from '../schedule.js';
import { gpipe } from './gpipe.js';
import { interleaved } from './interleaved.js';
import { oneFOneB } from './one-f-one-b.js';
import { zeroBubbleH1 } from './zb-h1.js';

/** For K workers and M micro-batches; `chunks` is v, the stages per worker, for schedules that have a choice. */
type Draw = (workers: number, micros: number, chunks: number) => Schedule;

const CATALOG = { '1f1b': oneFOneB, gpipe, interleaved, 'zb-h1': zeroBubbleH1 } as const satisfies Record<string, Draw>;

export type CatalogName = keyof typeof CATALOG;

/** All names. */
export const catalogNames = Object.keys(CATALOG) as readonly CatalogName[];

export const isCatalogName = (text: string): text is CatalogName => Object.hasOwn(CATALOG, text);

/** The schedule of that name. Throws a ScheduleError where it does not exist for these sizes. */
export const drawSchedule = (name: CatalogName, workers: number, micros: number, chunks = 2): Schedule => CATALOG[name](workers, micros, chunks);
