// SharedSettings: what a worker that joins is told of the settings of a run: numbers, switches and names of built-in
// things. Nothing in it is a path, and nothing in it leads to one: what lies in files, a worker's own user names.
import { z } from 'zod';
import { type TrainConfig, trainConfigSchema } from '../core/config.js';
import { FILE_OPTIONS } from '../data/kind.js';
import { builtInModel } from '../model/registry.js';

/** A built-in model, or a kind of data that is made and not read. */
const BUILT_IN = /^[a-z0-9-]{1,64}$/;
const MADE = /^synthetic:[a-z0-9-]{1,64}$/;
const MOST_OPTIONS = 100;
const MOST_DEPTH = 4;
/** Longer texts are no settings. */
const MOST_CHARACTERS = 256;

/** Plain values of which no text could name a file elsewhere. */
const options = z
  .record(z.string().max(64), z.unknown())
  .refine((values) => Object.keys(values).length <= MOST_OPTIONS, 'too many options')
  .refine((values) => Object.entries(values).every(([name, value]) => isShared(name, value)), 'an option is a path');

const numbers = {
  limitSamples: true,
  augment: true,
  augmentPixels: true,
  views: true,
  kernels: true,
  precision: true,
  epochs: true,
  steps: true,
  batch: true,
  seed: true,
  optimizer: true,
  weightDecay: true,
  beta1: true,
  beta2: true,
  epsilon: true,
  ema: true,
  labelSmoothing: true,
  rho: true,
  momentum: true,
  nesterov: true,
  poolMb: true,
  cache: true,
  cacheMb: true,
  cacheCodec: true,
  verifyCache: true,
  exact: true,
  transport: true,
  heartbeatSeconds: true,
} as const;

export const sharedSettingsSchema = trainConfigSchema.pick(numbers).extend({
  /** Null where it is none of the built-in ones, or data that are read. */
  model: z.string().regex(BUILT_IN).nullable(),
  data: z.string().regex(MADE).nullable(),
  modelOptions: options,
  dataOptions: options,
  /** Names of options that are not told, since they may name files: a worker's own user gives them. */
  withheld: z.object({ model: z.array(z.string().max(64)).max(100), data: z.array(z.string().max(64)).max(100) }),
});
export type SharedSettings = z.infer<typeof sharedSettingsSchema>;

/** What may be told of a configuration. */
export function sharedSettings(config: TrainConfig): SharedSettings {
  const kept = Object.fromEntries(
    (Object.keys(numbers) as (keyof typeof numbers)[]).map((name) => [name, config[name]]),
  ) as Pick<TrainConfig, keyof typeof numbers>;
  const { model, data, modelOptions, dataOptions } = config;
  return {
    ...kept,
    model: BUILT_IN.test(model) && builtInModel(model) !== null ? model : null,
    data: MADE.test(data) ? data : null,
    modelOptions: only(modelOptions, true),
    dataOptions: only(dataOptions, true),
    withheld: { model: Object.keys(only(modelOptions, false)), data: Object.keys(only(dataOptions, false)) },
  };
}

/** The options that are told, or those that are not. */
const only = (values: Readonly<Record<string, unknown>>, areShared: boolean): Record<string, unknown> =>
  Object.fromEntries(Object.entries(values).filter(([name, value]) => isShared(name, value) === areShared));

const isShared = (name: string, value: unknown): boolean => !FILE_OPTIONS.includes(name) && isPlain(value, MOST_DEPTH);

/** Numbers, switches, and texts without anything that separates the parts of a path, also in lists. */
function isPlain(value: unknown, depth: number): boolean {
  if (typeof value === 'string') return value.length <= MOST_CHARACTERS && !/[/\\\0:~]|^\.+$/.test(value);
  if (value === null || typeof value !== 'object') return true;
  const parts = Array.isArray(value) ? value : Object.values(value);
  return depth > 0 && parts.length <= MOST_OPTIONS && parts.every((part) => isPlain(part, depth - 1));
}
