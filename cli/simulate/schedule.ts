// One schedule on simulated hardware: its grid, time, bubble and memory, for built-in schedules and for files with a
// grid of one's own.
import { present } from '../../engine/core/invariant.js';
import { usableBytes } from '../../engine/simulate/hardware.js';
import { linkSpeeds } from '../../engine/simulate/hardware.js';
import { simulatedCosts } from '../../engine/simulate/model.js';
import { stageMemory, sumCosts } from '../../pipeline/costs.js';
import { showGrid } from '../../pipeline/grid.js';
import { type Cuts, exactPartition, runsOf } from '../../pipeline/partition.js';
import type { Schedule } from '../../pipeline/schedule.js';
import { peakBytes, requireMemory } from '../../pipeline/schedule-memory.js';
import { readSchedule } from '../../pipeline/schedules/from-file.js';
import { makeSchedule, SCHEDULES } from '../../pipeline/schedules/registry.js';
import { simulate } from '../../pipeline/simulate.js';
import { validateSchedule } from '../../pipeline/validate.js';
import { bytes, clip, millis, percent } from '../text/format.js';
import { textColumns } from '../text/text-columns.js';
import type { SimulateOptions } from './options.js';

export interface ScheduleSizes {
  readonly workers: number;
  readonly micros: number;
  readonly chunks: number;
}

export interface ScheduleSimulation {
  readonly schedule: string;
  readonly workers: number;
  readonly stages: number;
  readonly micros: number;
  /** First block of every stage. */
  readonly cuts: Cuts;
  readonly totalMs: number;
  readonly bubble: number;
  /** Per worker, in whole shares of the model: a chunk counts as the part it is. */
  readonly peakLive: readonly number[];
  readonly peakBytes: readonly number[];
  readonly busyMs: readonly number[];
  readonly grid: string;
}

/**
 * Validates and times a schedule by name or file. Throws a ScheduleError with the failing cell marked, for order,
 * deadlock and memory alike.
 */
export function simulateSchedule(
  nameOrFile: string,
  sizes: ScheduleSizes,
  { model, hardware, microBatch }: SimulateOptions,
): ScheduleSimulation {
  const schedule = open(nameOrFile, sizes);
  validateSchedule(schedule);
  const costs = simulatedCosts(model, hardware, microBatch);
  const cuts = present(exactPartition({ costs, frozen: 0, stages: schedule.stages }), 'partition');
  const runs = runsOf(cuts, costs.length);
  const held = runs.map(({ from, to }) => {
    const state = stageMemory(costs, from, to, 0);
    return { state, perMicro: stageMemory(costs, from, to, 1) - state };
  });
  requireMemory(schedule, held, usableBytes(hardware));
  const { transferMsPerMB } = linkSpeeds(hardware, schedule.workers.length);
  const times = runs.map(({ from, to }) => {
    const { forwardMs, backwardMs, outputBytes } = sumCosts(costs, from, to);
    return { forwardMs, backwardMs, transferMs: (outputBytes / 1e6) * transferMsPerMB };
  });
  const { totalMs, bubbleShare, peakLive, busyMs } = simulate(schedule, times);
  const workers = schedule.workers.length;
  return {
    schedule: schedule.name,
    workers,
    stages: schedule.stages,
    micros: schedule.micros,
    cuts,
    totalMs,
    bubble: bubbleShare,
    peakLive: peakLive.map((live) => (live * workers) / schedule.stages),
    peakBytes: peakBytes(schedule, held),
    busyMs,
    grid: showGrid(schedule),
  };
}

const open = (nameOrFile: string, { workers, micros, chunks }: ScheduleSizes): Schedule =>
  SCHEDULES.has(nameOrFile) ? makeSchedule(nameOrFile, workers, micros, chunks) : readSchedule(nameOrFile);

export function scheduleLines(result: ScheduleSimulation, columns: number): string[] {
  const rows = result.busyMs.map((busyMs, worker) => [
    `${worker}`,
    millis(busyMs),
    percent(1 - busyMs / result.totalMs),
    String(Number((result.peakLive[worker] ?? 0).toFixed(2))),
    bytes(result.peakBytes[worker] ?? 0),
  ]);
  return [
    `${result.schedule}: ${result.workers} workers, ${result.stages} stages, ${result.micros} micro-batches: ` +
      `${millis(result.totalMs)} a step, bubble ${percent(result.bubble)}`,
    '',
    ...textColumns([['worker', 'busy', 'idle', 'peak live', 'memory'], ...rows], columns - 2).map(
      (line) => `  ${line}`,
    ),
    '',
    ...result.grid.split('\n').map((line) => clip(`  ${line}`, columns)),
  ];
}
