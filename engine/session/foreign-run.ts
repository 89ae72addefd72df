// ForeignRun: a run folder that this user has not written here, and what of it is believed: numbers, not programs and
// not places of this machine. A run of one's own is known by its seal.
import type { ResumePoint } from '../checkpoint/run-checkpoint.js';
import { UsageError } from '../core/errors.js';
import type { ModelDefaults } from '../model/define.js';
import type { ModelSource } from '../model/model-source.js';
import type { OwnKey } from '../run/own-key.js';
import { type ConfigName, toKebab } from '../run/setting-keys.js';

/** Digits of a digest that are shown. */
const DIGITS = 16;

/** Whether this user has written a checkpoint. */
export const isOwn = ({ manifest }: ResumePoint, key: OwnKey | null): boolean =>
  key?.knows(manifest.digest, manifest.seal) === true;

export interface ModelRequest {
  /** How the user would name the model: the command, say, as it would be typed with it. */
  readonly naming: (path: string) => string;
  readonly point: ResumePoint;
  readonly source: ModelSource;
  /** The user named the model now. */
  readonly isNamed: boolean;
  readonly key: OwnKey | null;
  /** Asks the person at the terminal for a line; null where nobody is there to answer. */
  readonly ask: ((question: string) => Promise<string>) | null;
}

/**
 * Makes sure that the user wants the code of a model to be run: it is named now, or it is the file
 * that this user began the run with, or the user says so when asked. Throws a UsageError (PT_MODEL_UNTRUSTED).
 */
export async function approveModel({ naming, point, source, isNamed, key, ask }: ModelRequest): Promise<void> {
  if (source.kind !== 'file' || isNamed) return;
  const { path, sha256 } = source;
  if (isOwn(point, key) && path === point.manifest.model.path) return;
  const began = point.manifest.model.path;
  const digest = `(SHA-256 ${sha256.slice(0, DIGITS)})`;
  const what =
    path === began
      ? `the run names the model file ${path} ${digest}, which is a program`
      : `the run began with the model file ${began ?? '-'}; seen from the current folder its name leads to ${path} ` +
        `${digest}, which is a program`;
  if (ask !== null && /^y(es)?$/i.test((await ask(`${what}, and you did not start it here. Run it? [y/N] `)).trim()))
    return;
  throw new UsageError(
    'PT_MODEL_UNTRUSTED',
    `${what}; it is not run, since the run was not started here by you with this file`,
    `Look at the file. If you want it to be run, name it: ${naming(String(path))}`,
  );
}

/** Settings that name places of a machine, and would have something written, opened or loaded there. */
const PLACES: readonly ConfigName[] = ['listen', 'tlsCert', 'tlsKey', 'memoryDir', 'cacheDir', 'programCache'];
/** Values that name no place. */
const NO_PLACE: readonly unknown[] = [undefined, '', 'auto', 'off'];

/**
 * The settings of a run that this user did not write, without places; `given` are those of this command line. `dropped`
 * tells which, in the spelling of flags.
 */
export function withoutPlaces(
  config: Readonly<Record<string, unknown>>,
  given: ReadonlySet<string>,
): { readonly config: Readonly<Record<string, unknown>>; readonly dropped: string[] } {
  const dropped = PLACES.filter((name) => !NO_PLACE.includes(config[name]));
  return {
    config: Object.fromEntries(Object.entries(config).filter(([name]) => !dropped.some((one) => one === name))),
    dropped: dropped.filter((name) => !given.has(name)).map((name) => `--${toKebab(name)} ${String(config[name])}`),
  };
}

/** For `resolveConfig`: what suits a model that the user named; for another a UsageError (PT_MODEL_UNTRUSTED). */
export const defaultsOfNamed =
  (modelDefaults: (model: string) => Promise<ModelDefaults>) =>
  (model: string, origin: string): Promise<ModelDefaults> => {
    requireNamedModel(model, origin);
    return modelDefaults(model);
  };

/**
 * The configuration of a run (config.resolved.yaml) may be somebody else's: a file that only it names is no program to
 * run.
 */
function requireNamedModel(model: string, origin: string): void {
  if (!/^file (.*[\\/])?config\.resolved\.yaml\b/.test(origin) || !/[/\\]|\.[cm]?[jt]s$/.test(model)) return;
  if (model.startsWith('hf:')) return;
  throw new UsageError(
    'PT_MODEL_UNTRUSTED',
    `the configuration of a run names the model file ${model}, which is a program (${origin})`,
    `Look at the file. If you want it to be run, name it on the command line, too: --model ${model}`,
  );
}
