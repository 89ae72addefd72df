// JoinSetup: from the configuration of a run, which came over a network, to one that a joining worker may act on.
// Built-in names are taken; whatever is a path, or code, only from what the user of this very process named.
import type { TrainConfig } from '../core/config.js';
import { DataError, UsageError } from '../core/errors.js';
import { processorDifference } from '../core/processor.js';
import { builtInModel } from '../model/registry.js';
import type { OwnMeans } from '../protocol/invitation.js';

/** Data that are made, not read: the text behind the colon names no file. */
const PATHLESS = /^synthetic:/;
/** Options of data kinds that name files. */
const PATH_OPTIONS = ['vocab'];

/** Throws a UsageError (PT_JOIN_MODEL, PT_JOIN_DATA) where the user has to name something. */
export function joinConfig(config: TrainConfig, own: OwnMeans): TrainConfig {
  const model = own.model ?? config.model;
  if (own.model === null && builtInModel(config.model) === null)
    throw new UsageError(
      'PT_JOIN_MODEL',
      `the run trains "${config.model}", which is no built-in model, and no --model was given here`,
      "Name this host's copy of the model file or folder with --model; nothing is loaded from a path that " +
        'came over the network.',
    );
  const data = own.data ?? config.data;
  if (own.data === null && !PATHLESS.test(config.data))
    throw new UsageError(
      'PT_JOIN_DATA',
      `the run reads "${config.data}", and no --data was given here`,
      "Name this host's copy with --data KIND:PATH; no path that came over the network is opened.",
    );
  const missing = PATH_OPTIONS.filter(
    (option) => config.dataOptions[option] !== undefined && own.dataOptions[option] === undefined,
  );
  if (missing.length > 0)
    throw new UsageError(
      'PT_JOIN_DATA',
      `the run uses the data option ${missing.join(', ')}, a path, and it was not given here`,
      `Add --data-options ${missing.map((option) => `${option}=FILE`).join(',')}.`,
    );
  return { ...config, model, data, dataOptions: { ...config.dataOptions, ...own.dataOptions } };
}

/**
 * Throws a DataError (PT_JOIN_MISMATCH) that names both digests where what this process has is not what the run has.
 */
export function requireEqual(what: 'model' | 'data', source: string, found: string, expected: string): void {
  if (found === expected) return;
  throw new DataError(
    'PT_JOIN_MISMATCH',
    `the ${what} ${source} of this worker is another one than the run's: its digest is ` +
      `${found.slice(0, 16)}, the run's is ${expected.slice(0, 16)}`,
    what === 'model'
      ? 'Copy the model file of the run to this host, and run the same version of pipetrain.'
      : 'Copy the data of the run to this host, and give the same --data-options.',
  );
}

/**
 * Throws a UsageError (PT_JOIN_DEVICE) where this host's processor has other vector instructions than that of the run:
 * libraries would choose other kernels, and the bits would differ.
 */
export function requireProcessor(found: string, expected: string): void {
  if (found === expected) return;
  throw new UsageError(
    'PT_JOIN_DEVICE',
    `this host has another kind of processor than the run's; results would not be equal bit for bit ` +
      `(${processorDifference(found, expected)})`,
    'Join from a host with the same kind of processor, or train with --fast.',
  );
}
