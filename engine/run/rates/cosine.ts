// cosine: half a wave of the cosine from the peak to the floor (Loshchilov and Hutter 2017, without restarts).
import type { RateSchedule } from './rate-schedule.js';

export const cosine: RateSchedule = {
  name: 'cosine',
  reads: ['lrFloor'],
  height: (progress) => 0.5 * (1 + Math.cos(Math.PI * progress)),
};
