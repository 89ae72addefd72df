// ZB-H1 (Qi et al. 2023, zero-bubble): the 1F1B order with the backward split into input gradient I and weight gradient
// W, where W of stage s comes s micro-batches late. A gradient leaves for the stage above without waiting for W, which
// fills the idle time at the end. Peak live activations: K on every stage, as stage 0 of 1F1B.
import { ascending, type Schedule, type ScheduleKind, scheduleOf } from '../schedule.js';
import { oneFOneB } from './one-f-one-b.js';

/** ZB-H1 for K stages and M micro-batches; idle (K - 1) (F + I - W) per stage when stages are equal and M >= K. */
export function zeroBubbleH1(stages: number, micros: number): Schedule {
  const base = oneFOneB(stages, micros);
  return scheduleOf('zb-h1', stages, micros, (stage) => {
    const delay = Math.min(stage, micros);
    const split = (base.workers[stage] ?? []).flatMap((action) => {
      if (action.kind === 'F') return [action];
      const late = action.micro - delay;
      return [{ ...action, kind: 'I' as const }, ...(late >= 0 ? ascending(stage, 'W', late, late + 1) : [])];
    });
    return [...split, ...ascending(stage, 'W', micros - delay, micros)];
  });
}

export const zeroBubbleH1Kind: ScheduleKind = { name: 'zb-h1', draw: zeroBubbleH1 };
