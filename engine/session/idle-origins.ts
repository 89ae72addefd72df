// Idle settings by where they were written: what a person wrote for this run and nobody reads is an error; what they
// wrote for other runs, too, stays a warning of the engine; what nobody wrote is left out. Which settings are idle is
// for engine/run/idle-settings.ts to say.
import type { TrainConfig } from '../core/config.js';
import { UsageError } from '../core/errors.js';
import { idleSettings, isSet } from '../run/idle-settings.js';
import { runConfigSchema } from '../run/run-config.js';
import { toKebab } from '../run/setting-keys.js';

type Origins = ReadonlyMap<string, string>;

/** How near to this run a setting was written. */
const PLACES = ['default', 'setting', 'file', 'environment', 'flag'] as const;

/** The place of an origin, as a number in the order of PLACES; what a run or a model says counts as a default. */
function placeOf(origin: string | undefined): number {
  // A file that a run wrote tells all settings, whether they were read or not.
  if (origin === undefined || /^file (.*[\\/])?config\.resolved\.yaml\b/.test(origin)) return 0;
  return Math.max(
    0,
    PLACES.findIndex((place) => origin.startsWith(`${place} `)),
  );
}

/**
 * Throws a UsageError (PT_CONFIG_IDLE) that names every setting of this command line, or of a file or a program that
 * decides against it by itself, which has no effect. A file may hold more than this run reads where a flag or a
 * variable decides, and the environment is there for other runs, too.
 */
export function refuseIdle(config: TrainConfig, origins: Origins): void {
  const wrong = idleSettings(config).filter(({ name, decidedBy }) => {
    const place = PLACES[placeOf(origins.get(name))];
    if (place === 'flag') return true;
    const isWritten = place === 'file' || place === 'setting';
    return isWritten && isSet(config, name) && placeOf(origins.get(decidedBy)) <= PLACES.indexOf('file');
  });
  if (wrong.length === 0) return;
  const sentences = wrong.map(
    ({ name, why }) => `${toKebab(name)} (${origins.get(name) ?? '-'}) has no effect: ${why}`,
  );
  const deciders = [...new Set(wrong.map(({ decidedBy }) => toKebab(decidedBy)))];
  throw new UsageError(
    'PT_CONFIG_IDLE',
    wrong.length === 1 ? `${sentences[0]}` : `${wrong.length} settings have no effect:\n  ${sentences.join('\n  ')}`,
    `Leave ${wrong.length === 1 ? 'it' : 'them'} out, or change ${deciders.join(', ')}.`,
  );
}

/** What suits a model, and nobody reads, goes back to its default: no person has asked for it. */
export function dropIdle(
  config: TrainConfig,
  origins: Origins,
): { readonly config: TrainConfig; readonly origins: Origins } {
  const dropped = new Set<string>(
    idleSettings(config).flatMap(({ name }) => (origins.get(name)?.startsWith('model ') === true ? [name] : [])),
  );
  if (dropped.size === 0) return { config, origins };
  return {
    config: runConfigSchema.parse(Object.fromEntries(Object.entries(config).filter(([name]) => !dropped.has(name)))),
    origins: new Map([...origins].map(([name, origin]) => [name, dropped.has(name) ? 'default' : origin])),
  };
}
