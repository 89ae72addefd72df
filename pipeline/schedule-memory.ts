// The memory check of a schedule: what every worker holds after each of its actions, against what it has. Bytes come
// from the caller; the order of a worker's actions alone decides, so no times are needed.
import { present } from '../engine/core/invariant.js';
import { showAction } from './action.js';
import { markedOrder } from './order.js';
import { type Schedule, stagesOf } from './schedule.js';
import { ScheduleError } from './schedule-error.js';

/** What one stage holds. */
export interface StageBytes {
  /** Parameters, optimizer state, gradients: all the time. */
  readonly state: number;
  /** From the forward of a micro-batch to its backward (B or W). */
  readonly perMicro: number;
}

/** Per worker the most bytes held at once. */
export const peakBytes = (schedule: Schedule, stages: readonly StageBytes[]): number[] =>
  schedule.workers.map((_, worker) => Math.max(...heldBytes(schedule, worker, stages)));

/** Throws a ScheduleError with the first action in brackets that takes a worker over `limit` bytes. */
export function requireMemory(schedule: Schedule, stages: readonly StageBytes[], limit: number): void {
  for (const [worker, actions] of schedule.workers.entries()) {
    const held = heldBytes(schedule, worker, stages);
    const at = held.findIndex((bytes) => bytes > limit);
    if (at < 0) continue;
    const [most, first] = [Math.max(...held), present(held[at], 'held')].map(
      (bytes) => `${(bytes / 1e6).toFixed(1)} MB`,
    );
    throw new ScheduleError(
      `schedule ${schedule.name}, worker ${worker}: with ${showAction(present(actions[at], 'action'))} it ` +
        `holds ${first}, the limit is ${(limit / 1e6).toFixed(1)} MB (at its peak it would hold ` +
        `${most})\n${markedOrder(schedule, worker, at)}`,
      'Put backwards earlier, or use smaller micro-batches or more workers.',
    );
  }
}

/** The bytes a worker holds during each of its actions. */
function heldBytes(schedule: Schedule, worker: number, stages: readonly StageBytes[]): number[] {
  const bytesOf = (stage: number): StageBytes => present(stages[stage], `bytes of stage ${stage}`);
  let held = stagesOf(schedule, worker).reduce((sum, stage) => sum + bytesOf(stage).state, 0);
  return present(schedule.workers[worker], 'worker').map(({ stage, kind }) => {
    const { perMicro } = bytesOf(stage);
    if (kind === 'F') return (held += perMicro);
    const during = held;
    if (kind !== 'I') held -= perMicro;
    return during;
  });
}
