// The 1F1B order (PipeDream-Flush, Narayanan et al. 2021): as long as GPipe, but a stage starts its backwards as soon
// as it can, so that at most K - s micro-batches are alive on stage s.
import { present } from '../../engine/core/invariant.js';
import { ascending, type Schedule, type ScheduleKind, scheduleOf } from '../schedule.js';

/** 1F1B for K stages and M micro-batches. */
export function oneFOneB(stages: number, micros: number): Schedule {
  return scheduleOf('1f1b', stages, micros, (stage) => {
    const warm = Math.min(stages - 1 - stage, micros);
    const forwards = ascending(stage, 'F', 0, micros);
    const backwards = ascending(stage, 'B', 0, micros);
    const steady = forwards.slice(warm).flatMap((forward, i) => [forward, present(backwards[i], `backward ${i}`)]);
    return [...forwards.slice(0, warm), ...steady, ...backwards.slice(micros - warm)];
  });
}

export const oneFOneBKind: ScheduleKind = { name: '1f1b', draw: oneFOneB };
