// The setup of a run that may go on from a checkpoint: its model, its data and its arithmetic must be what they were.
import { isDeepStrictEqual } from 'node:util';
import { type TrainConfig, trainConfigSchema } from '../core/config.js';
import { DataError, ModelError, UsageError } from '../core/errors.js';
import { FILE_OPTIONS } from '../data/kind.js';
import { findModelSource } from '../model/load-model.js';
import { changedFiles, type ModelSource } from '../model/model-source.js';
import { arithmeticDifferences, arithmeticOf } from '../run/arithmetic.js';
import { type RunSetup, setUpRun } from '../run/run-setup.js';
import { UNTRAINED } from '../run/trained-start.js';
import { initialWeights } from './initial-weights.js';
import { lengthChange } from './longer-run.js';
import { brokenFile } from './manifest.js';
import { otherProgramsText } from './other-programs.js';
import type { ResumePoint } from './run-checkpoint.js';

/**
 * As `setUpRun`, with the weights that a new run starts from, or with what a checkpoint remembers. Throws a ModelError
 * (PT_MODEL_CHANGED) or a DataError (PT_DATA_CHANGED) where model or data are not what the checkpoint was made with,
 * PT_CHECKPOINT_BROKEN where it has other blocks than the model, and what `initialWeights` and `otherProgramsText`
 * throw.
 */
export async function setUpRunFrom(config: TrainConfig, from: ResumePoint | null): Promise<RunSetup> {
  if (from === null) {
    const setup = await setUpRun(config);
    if (config.initFrom === '') return setup;
    const initial = initialWeights(setup);
    // What was trained for something else is not trained.
    const trained = otherProgramsText(setup, initial) === null ? initial.trained : UNTRAINED;
    return { ...setup, model: { ...setup.model, blocks: initial.blocks }, trained };
  }
  // Before it is run.
  await sameModel(config.model, from);
  requireSameReading(config, from);
  const setup = await setUpRun(config);
  const { folder, manifest } = from;
  if (manifest.dataDigest !== setup.dataset.digest)
    throw new DataError(
      'PT_DATA_CHANGED',
      `the data ${config.data} changed since the checkpoint was written: its digest is ` +
        `${setup.dataset.digest.slice(0, 12)}, it was ${manifest.dataDigest.slice(0, 12)}`,
      '`resume` and `eval` work on the data that the run began with (name a copy of it with --data; of several files ' +
        'the names count, too). eval measures on its validation part alone, not on a set of its own; to train on ' +
        'other data, start a new run: `pipetrain train --init-from RUN`.',
    );
  const [found, needed] = [manifest.files.length + manifest.absent.length, setup.model.blocks.length];
  if (found !== needed) throw brokenFile(folder, `it has the files of ${found} blocks, the model has ${needed}`);
  // It says what is wrong with the length; what changes with it is told when the run goes on.
  lengthChange(setup, trainConfigSchema.parse(manifest.config), manifest.step);
  return { ...setup, trained: manifest.trained };
}

/**
 * Data may lie elsewhere than before, and are the same by their digest; but the bytes of a file say nothing of how it
 * is read. Throws a DataError (PT_DATA_CHANGED) where kind or options are others.
 */
function requireSameReading({ data, dataOptions }: TrainConfig, { manifest }: ResumePoint): void {
  const was = trainConfigSchema.parse(manifest.config);
  if (kindOf(data) !== kindOf(was.data))
    throw new DataError(
      'PT_DATA_CHANGED',
      `the run began with data of the kind ${kindOf(was.data)} (${was.data}), not ${kindOf(data)} (${data})`,
      `Name the place of the same data: --data ${kindOf(was.data)}:PATH.`,
    );
  const names = [...new Set([...Object.keys(was.dataOptions), ...Object.keys(dataOptions)])];
  const other = names.find(
    (name) => !FILE_OPTIONS.includes(name) && !isDeepStrictEqual(dataOptions[name], was.dataOptions[name]),
  );
  if (other !== undefined)
    throw new DataError(
      'PT_DATA_CHANGED',
      `the data option ${other} is ${valueText(dataOptions[other])}, the run began with ` +
        valueText(was.dataOptions[other]),
      `Leave it out; only options that name files (${FILE_OPTIONS.join(', ')}) may be others than before.`,
    );
}

const kindOf = (data: string): string => data.split(':', 1)[0] ?? data;
const valueText = (value: unknown): string => (value === undefined ? 'none' : JSON.stringify(value));

/**
 * Where the model of a checkpoint comes from now; nothing of it is run. Throws a ModelError (PT_MODEL_CHANGED) where it
 * is not the one that the run began with.
 */
export async function sameModel(model: string, { manifest: { model: was } }: ResumePoint): Promise<ModelSource> {
  const source = await findModelSource(model);
  if (source.sha256 === was.sha256) return source;
  throw new ModelError(
    'PT_MODEL_CHANGED',
    `the model ${placed(model, source)} is not the one that the run began with${otherPlace(was, source)}` +
      `${changedFiles(was, source)}: its digest is ` +
      `${source.sha256.slice(0, 12)}, it was ${was.sha256.slice(0, 12)}`,
    'Go on with the model that the run began with (name a copy of it with --model), or start a new run from its ' +
      'weights: `pipetrain train --init-from RUN`.',
  );
}

/** As it was typed, and where that is. */
const placed = (model: string, { path }: ModelSource): string =>
  path === null || [path, `hf:${path}`].includes(model) ? model : `${model}, here ${path},`;
const otherPlace = (was: ModelSource, is: ModelSource): string =>
  was.path === null || was.path === is.path ? '' : `, ${was.path}`;

/**
 * What computes otherwise than before, in words; empty for a run that need not be exact. Throws a UsageError
 * (PT_OTHER_BITS) where that is not accepted.
 */
export function otherBits(config: TrainConfig, { manifest }: ResumePoint, isAccepted: boolean): string[] {
  if (!config.exact) return [];
  const differences = arithmeticDifferences(manifest.arithmetic, arithmeticOf(config));
  if (differences.length === 0 || isAccepted) return differences;
  throw new UsageError(
    'PT_OTHER_BITS',
    `the run would go on with other bits than it began with: ${differences.join('; ')}`,
    'Resume where it was started, with the same version and the same kind of devices; or add --accept-other-bits: ' +
      'the run then goes on, its result is not that of a run that was never interrupted, and the events say so.',
  );
}
