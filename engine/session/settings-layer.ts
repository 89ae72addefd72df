// SettingsLayer: the settings of one source, each with the words that say where it stands. Not validated yet:
// resolve-settings.ts merges layers and checks the result.
import { UsageError } from '../core/errors.js';
import { didYouMean } from '../core/suggest.js';
import { configKeys } from '../run/setting-keys.js';

export interface Setting {
  readonly value: unknown;
  /** "flag --batch", "file tiny.yaml, line 3", "environment PIPETRAIN_BATCH", "model gpt", "default" */
  readonly origin: string;
}

/** By name (`batch`) or, for the options of a model or a data set, by name and option (`modelOptions.layers`). */
export type Layer = ReadonlyMap<string, Setting>;

/** A layer from camelCase values; undefined ones are left out. */
export function layerOf(values: Readonly<Record<string, unknown>>, origin: string): Layer {
  const layer = new Map<string, Setting>();
  for (const [name, value] of Object.entries(values)) {
    if (value === undefined) continue;
    const isRecord = configKeys.some((key) => key.name === name && key.kind === 'record');
    if (!isRecord) layer.set(name, { value, origin });
    else
      for (const [option, inner] of Object.entries(value as object))
        layer.set(`${name}.${option}`, { value: inner, origin });
  }
  return layer;
}

/**
 * The settings that a program gives, by their names in camelCase; `caller` is what it has called. Throws a UsageError
 * (PT_CONFIG_KEY) for a name that no setting has, or that is not among `allowed`.
 */
export function programLayer(
  values: Readonly<Record<string, unknown>>,
  caller: string,
  allowed: readonly string[] = configKeys.map(({ name }) => name),
): Layer {
  const wrong = Object.keys(values).find((name) => !allowed.includes(name));
  if (wrong !== undefined)
    throw new UsageError(
      'PT_CONFIG_KEY',
      `${caller}: there is no setting "${wrong}" here.${didYouMean(wrong, allowed)}`,
      allowed.length === configKeys.length
        ? 'Settings are those of docs/config.md, in camelCase.'
        : `It takes: ${allowed.join(', ')}.`,
    );
  const layer = new Map<string, Setting>();
  for (const [path, { value }] of layerOf(values, ''))
    // A learning rate is an expression, which a program may well give as a number.
    layer.set(path, {
      value: typeof value === 'number' && kindOf(path) === 'text' ? String(value) : value,
      origin: `setting ${path}`,
    });
  return layer;
}

const kindOf = (path: string): string | undefined => configKeys.find(({ name }) => name === path)?.kind;
