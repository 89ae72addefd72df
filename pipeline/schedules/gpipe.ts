// The GPipe order: all forwards, then all backwards (Huang et al. 2019). Backwards ascend, unlike in the original:
// exact reductions add the gradients of micro-batches in index order, and the length of the step is the same. Peak live
// activations: M on every stage.
import { ascending, type Schedule, type ScheduleKind, scheduleOf } from '../schedule.js';

/** GPipe for K stages and M micro-batches; (M + K - 1) forwards and backwards long when stages are equal. */
export const gpipe = (stages: number, micros: number): Schedule =>
  scheduleOf('gpipe', stages, micros, (stage) => [
    ...ascending(stage, 'F', 0, micros),
    ...ascending(stage, 'B', 0, micros),
  ]);

export const gpipeKind: ScheduleKind = { name: 'gpipe', draw: gpipe };
