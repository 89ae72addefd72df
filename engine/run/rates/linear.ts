// linear: a straight line from the peak to the floor.
import type { RateSchedule } from './rate-schedule.js';

export const linear: RateSchedule = { name: 'linear', reads: ['lrFloor'], height: (progress) => 1 - progress };
