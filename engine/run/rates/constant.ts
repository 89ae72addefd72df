// constant: the rate is what `lr` says, a number or an expression, from the warm-up to the end.
import type { RateSchedule } from './rate-schedule.js';

export const constant: RateSchedule = { name: 'constant', reads: [], height: () => 1 };
