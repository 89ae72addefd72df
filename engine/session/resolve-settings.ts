// ResolveSettings: one validated configuration out of layers of settings, and where each value came from. Precedence:
// defaults, then what suits the model, then the layers, of which later ones win. Where layers are read from (files, the
// environment, flags, a program) is the business of whoever has them.
import type { z } from 'zod';
import type { TrainConfig } from '../core/config.js';
import { UsageError } from '../core/errors.js';
import { suggest } from '../core/suggest.js';
import type { ModelDefaults } from '../model/define.js';
import { runConfigSchema } from '../run/run-config.js';
import { type ConfigKey, configKeys } from '../run/setting-keys.js';
import { dropIdle, refuseIdle } from './idle-origins.js';
import { type Layer, layerOf, type Setting } from './settings-layer.js';

export interface ResolvedConfig {
  readonly config: TrainConfig;
  /** Where each value stands: by name, or by name and option (`modelOptions.layers`). */
  readonly origins: ReadonlyMap<string, string>;
}

/** What suits a model, by the value of `model`; `origin` is where that stands. */
export type SuitedBy = (model: string, origin: string) => Promise<ModelDefaults>;

/** Throws UsageErrors (PT_CONFIG_*), and what `suitedBy` throws. */
export async function resolveSettings(layers: readonly Layer[], suitedBy: SuitedBy): Promise<ResolvedConfig> {
  const given = mergeLayers(layers);
  requireSettings(given);
  const { value: model, origin = '' } = given.get('model') ?? {};
  const suited =
    typeof model === 'string' ? layerOf(await suitedBy(model, origin), `model ${model}`) : new Map<string, Setting>();
  const settings = mergeLayers([defaultLayer(), suited, given]);
  dropMisfit(settings);
  const config = parsed(settings);
  if (config.steps === undefined && config.epochs === undefined)
    throw new UsageError(
      'PT_CONFIG_MISSING',
      `nothing says how long to train, and the model ${config.model} does not either`,
      'Add --epochs N or --steps N.',
    );
  const origins = new Map([...settings].map(([name, { origin }]) => [name, origin]));
  refuseIdle(config, origins);
  return dropIdle(config, origins);
}

/** Throws a UsageError (PT_CONFIG_VALUE). */
function parsed(settings: ReadonlyMap<string, Setting>): TrainConfig {
  const result = runConfigSchema.safeParse(toInput(settings));
  if (!result.success) throw valueError(result.error, settings);
  return result.data;
}

/** The configuration that a run was recorded with, whose origin is `name`, and what a layer says otherwise. */
export const resolveRecorded = (
  name: string,
  values: Readonly<Record<string, unknown>>,
  layer: Layer,
): Promise<ResolvedConfig> => resolveSettings([layerOf(values, name), layer], () => Promise.resolve({}));

const defaultLayer = (): Layer =>
  layerOf(Object.fromEntries(configKeys.map((key) => [key.name, key.defaultValue])), 'default');

/** Later layers win. */
function mergeLayers(layers: readonly Layer[]): Map<string, Setting> {
  const merged = new Map<string, Setting>();
  for (const layer of layers) {
    // `steps` wins over `epochs`; but whoever says `--epochs` on the command line does not mean the `steps` of a file.
    if (layer.has('epochs') && !layer.has('steps')) merged.delete('steps');
    if (layer.has('steps') && !layer.has('epochs')) merged.delete('epochs');
    for (const [name, setting] of layer) merged.set(name, setting);
  }
  return merged;
}

/** The micro-batch that suits a model is left out where it does not divide the batch that was asked for. */
function dropMisfit(settings: Map<string, Setting>): void {
  const batch = settings.get('batch');
  const micro = settings.get('microBatch');
  if (micro === undefined || !micro.origin.startsWith('model ') || batch?.origin.startsWith('model ') === true) return;
  if (typeof batch?.value === 'number' && typeof micro.value === 'number' && batch.value % micro.value !== 0)
    settings.delete('microBatch');
}

function requireSettings(given: ReadonlyMap<string, Setting>): void {
  const missing = configKeys.filter(({ isRequired, name }) => isRequired && !given.has(name));
  if (missing.length === 0) return;
  throw new UsageError(
    'PT_CONFIG_MISSING',
    `${missing.map(({ kebab }) => kebab).join(' and ')} must be given`,
    missing.map(({ kebab, description }) => `--${kebab}: ${description}`).join('\n      '),
  );
}

/** Puts the options of records back together. */
function toInput(settings: ReadonlyMap<string, Setting>): Record<string, unknown> {
  const input: Record<string, unknown> = {};
  for (const [path, { value }] of settings) {
    const [name = '', option] = path.split('.');
    if (option === undefined) input[name] = value;
    else if (typeof input[name] !== 'object')
      input[name] = input[name] === undefined ? { [option]: value } : input[name];
    else input[name] = { ...input[name], [option]: value };
  }
  return input;
}

/** One sentence per wrong setting: its name, its value, where it stands, and what is allowed. */
function valueError(error: z.ZodError, settings: ReadonlyMap<string, Setting>): UsageError {
  const names = [...new Set(error.issues.map(({ path }) => String(path[0])))];
  const wrong = names.flatMap((name) => configKeys.filter((key) => key.name === name));
  const sentences = wrong.map((key) => {
    const setting = settings.get(key.name);
    return (
      `${key.kebab} is ${JSON.stringify(setting?.value)} (${setting?.origin ?? 'not given'}); it must be ` +
      `${key.allowed}`
    );
  });
  const message =
    sentences.length === 1
      ? (sentences[0] as string)
      : `${sentences.length} settings are wrong:\n  ${sentences.join('\n  ')}`;
  const hints = wrong.map((key) => hintFor(key, settings.get(key.name)?.value));
  return new UsageError('PT_CONFIG_VALUE', sentences.length === 0 ? error.message : message, hints.join('\n      '));
}

function hintFor(key: ConfigKey, value: unknown): string {
  const near = key.choices === null ? null : suggest(String(value), key.choices);
  return near !== null ? `${key.kebab}: did you mean "${near}"?` : `${key.kebab}: ${key.description}.`;
}
