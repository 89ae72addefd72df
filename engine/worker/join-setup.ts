// JoinSetup: from what a run tells of its settings over a network to a configuration that a joining worker may act on.
// Built-in names are taken; whatever is a path, or code, only from what the user of this very process named.
import { type TrainConfig, trainConfigSchema } from '../core/config.js';
import { DataError, UsageError } from '../core/errors.js';
import { processorDifference } from '../core/processor.js';
import { builtInModel } from '../model/registry.js';
import type { OwnMeans } from '../protocol/invitation.js';
import type { SharedSettings } from '../protocol/shared-settings.js';

/** Throws a UsageError (PT_JOIN_MODEL, PT_JOIN_DATA) where the user has to name something. */
export function joinConfig({ withheld, ...settings }: SharedSettings, own: OwnMeans): TrainConfig {
  const model = own.model ?? settings.model;
  if (model === null || (own.model === null && builtInModel(model) === null))
    throw new UsageError(
      'PT_JOIN_MODEL',
      'the run trains a model that is not built in, and no --model was given here',
      "Name this host's copy of the model file or folder with --model; nothing is loaded from a path that " +
        'came over the network.',
    );
  const data = own.data ?? settings.data;
  if (data === null)
    throw new UsageError(
      'PT_JOIN_DATA',
      'the run reads data from files, and no --data was given here',
      "Name this host's copy with --data KIND:PATH; no path that came over the network is opened.",
    );
  const code = { model: 'PT_JOIN_MODEL', data: 'PT_JOIN_DATA' } as const;
  for (const what of ['model', 'data'] as const) {
    const given = own[`${what}Options`];
    const missing = withheld[what].filter((option) => given[option] === undefined);
    if (missing.length > 0)
      throw new UsageError(
        code[what],
        `the run uses the ${what} option ${missing.join(', ')}, which may be a path, and it was not given here`,
        `Add --${what}-options ${missing.map((option) => `${option}=VALUE`).join(',')}.`,
      );
  }
  return trainConfigSchema.parse({
    ...settings,
    model,
    data,
    modelOptions: { ...settings.modelOptions, ...own.modelOptions },
    dataOptions: { ...settings.dataOptions, ...own.dataOptions },
  });
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
      ? 'Copy the model file of the run to this host, and run the same version of pipetrain. If it changed here ' +
          'while the run went on, put it back and resume.'
      : 'Copy the data of the run to this host, and give the same --data-options. If they changed here while the ' +
          'run went on, put them back and resume.',
  );
}

/**
 * Throws a UsageError (PT_JOIN_DEVICE) where the devices of the run compute with another version of a library, or on
 * another kind of GPU: both choose other kernels.
 */
export function requireDeviceBits(found: string, expected: string): void {
  if (found === expected) return;
  throw new UsageError(
    'PT_JOIN_DEVICE',
    `this worker computes with ${found || 'nothing that has a version'}, the run with ` +
      `${expected || 'nothing that has a version'}; their results would not be equal bit for bit`,
    'Install the version of the run here (PIPETRAIN_TORCH names the PyTorch to take), join with the same kind of ' +
      'GPU, or train with --fast.',
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
