// The schedules of the learning rate by name. Adding one is one file and one line here.
import { Registry } from '../../core/registry.js';
import { constant } from './constant.js';
import { cosine } from './cosine.js';
import { linear } from './linear.js';
import type { RateSchedule } from './rate-schedule.js';
import { wsd } from './wsd.js';

export const RATE_SCHEDULES = new Registry<RateSchedule>('learning-rate schedule', [
  // In the order of listings.
  constant,
  cosine,
  linear,
  wsd,
]);
