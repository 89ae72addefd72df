// RunConfig: the configuration as people write it: every setting of TrainConfig, where one is a name those that this
// version has. The lists are those of the registries; this is the one place where settings and registries meet.
import { z } from 'zod';
import { CODECS } from '../../cache/codec.js';
import { FREEZE_POLICIES } from '../../freeze/registry.js';
import { SCHEDULES } from '../../pipeline/schedules/registry.js';
import { trainConfigSchema } from '../core/config.js';
import type { Named, Registry } from '../core/registry.js';
import { GROWTH_WAYS } from '../growth/ways.js';
import { METRICS } from '../metrics/registry.js';
import { OPTIMIZERS } from '../tensor/optimizers/registry.js';
import { RATE_SCHEDULES } from './rates/registry.js';

const { freeze, growBy, optimizer, cacheCodec, metrics, schedule, lrSchedule } = trainConfigSchema.shape;

/** The setting with the names of a registry, its default, and its description unless another is given. */
const nameIn = (
  registry: Registry<Named>,
  setting: z.ZodDefault<z.ZodString>,
  description: string | undefined = setting.description,
): z.ZodDefault<z.ZodEnum<Record<string, string>>> =>
  z
    .enum(registry.names)
    .default(setting.def.defaultValue)
    .describe(description ?? '');

const stored = CODECS.all.map(({ name, summary }) => `${name} ${summary}`).join(', ');
const inexact = new Intl.ListFormat('en-GB').format(CODECS.all.flatMap(({ name, isExact }) => (isExact ? [] : [name])));

/** What `trainConfigSchema` accepts and knows here; its output is a TrainConfig. */
export const runConfigSchema = trainConfigSchema.extend({
  freeze: nameIn(FREEZE_POLICIES, freeze),
  growBy: z
    .enum(['auto', ...GROWTH_WAYS.names])
    .default(growBy.def.defaultValue)
    .describe(growBy.description ?? ''),
  optimizer: nameIn(OPTIMIZERS, optimizer),
  lrSchedule: nameIn(RATE_SCHEDULES, lrSchedule),
  cacheCodec: nameIn(
    CODECS,
    cacheCodec,
    `how cached activations are stored: ${stored}; ${inexact} change results, the same way for every shape of the run`,
  ),
  metrics: metrics.describe(
    `metrics of validation, separated by commas; the first is the one that the run goes by: ` +
      `${METRICS.names.join(', ')} (default: the usual ones of the task)`,
  ),
  schedule: schedule.describe(
    `pipeline schedule: ${SCHEDULES.names.join(', ')}, a file with the grid of one, or auto, which takes the one ` +
      'predicted to be fastest',
  ),
});
