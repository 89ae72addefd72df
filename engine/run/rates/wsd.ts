// wsd: warm-up, stable, decay: the peak until the last part of the run, then a straight line to the floor (Hu et al.
// 2024). What is before the decay does not depend on how long the run is.
import type { RateSchedule } from './rate-schedule.js';

export const wsd: RateSchedule = {
  name: 'wsd',
  reads: ['lrFloor', 'lrDecay'],
  height: (progress, { lrDecay }) => Math.min(1, (1 - progress) / lrDecay),
};
