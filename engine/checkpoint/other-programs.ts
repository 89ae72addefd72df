// OtherPrograms: whether blocks that take the weights of a checkpoint compute what these were trained for. Names and
// shapes do not tell: with other heads, another activation or another mask they stay as they are.
import type { TrainConfig } from '../core/config.js';
import { DataError } from '../core/errors.js';
import { type BlockPrograms, otherPrograms } from '../model/block-programs.js';
import { changedFiles, type ModelSource } from '../model/model-source.js';
import type { RunSetup } from '../run/run-setup.js';
import type { InitialWeights } from './initial-weights.js';
import { readManifest } from './manifest.js';

/** A model that starts from weights: how it was built, and where from. */
export type WeightsSubject = Pick<RunSetup, 'definition' | 'model' | 'modelSource' | 'dataset' | 'programs'> & {
  readonly config: Pick<TrainConfig, 'modelOptions' | 'initOtherProgram'>;
};

/** At most so many are named. */
const NAMED = 3;

/**
 * What the blocks that take weights compute otherwise than there, in words; null where they compute the same. Throws a
 * DataError (PT_INIT_PROGRAM) where that is not accepted.
 */
export function otherProgramsText(subject: WeightsSubject, { folder, fresh }: InitialWeights): string | null {
  const { config, definition, model, modelSource, dataset } = subject;
  const { programs: was, model: source } = readManifest(folder);
  const names = new Set(fresh.map(({ block }) => block));
  const other = otherPrograms({ definition, modelOptions: config.modelOptions, model, data: dataset.info }, was).filter(
    (name) => !names.has(name),
  );
  if (other.length === 0) return null;
  const now = subject.programs();
  const list = `${other.slice(0, NAMED).join(', ')}${other.length > NAMED ? ', ...' : ''}`;
  const text =
    `${other.length} of the ${model.blocks.length} blocks of the model ${model.name} (${list}) compute something ` +
    `else than in the checkpoint ${folder}, with parameters of the same shapes` +
    reasons(now, was, modelSource, source);
  if (config.initOtherProgram) return text;
  throw new DataError('PT_INIT_PROGRAM', text, remedy(now, was));
}

/** Everything that is known to be another one. */
function reasons(now: BlockPrograms, was: BlockPrograms, is: ModelSource, before: ModelSource): string {
  const all = [
    ...(now.model === was.model ? [] : [`the model is ${now.model} here and ${was.model} there`]),
    ...differingOptions(now, was).map(
      (name) => `${name} is ${valueText(now.options[name])} here and ${valueText(was.options[name])} there`,
    ),
    ...(is.sha256 === before.sha256 || is.kind !== before.kind
      ? []
      : [`the model was read from other files${changedFiles(before, is)}`]),
  ];
  return all.length === 0 ? '' : `: ${all.join('; ')}`;
}

function remedy(now: BlockPrograms, was: BlockPrograms): string {
  const given = differingOptions(now, was).flatMap((name) => {
    const value = was.options[name];
    return value == null ? [] : [`${name}=${String(value)}`];
  });
  const same =
    now.model === was.model && given.length > 0
      ? `Give --model-options ${given.join(',')}`
      : 'Use the model and the options that the weights were trained with';
  return `${same}; or, where it is meant, add --init-other-program.`;
}

const differingOptions = ({ options: now }: BlockPrograms, { options: was }: BlockPrograms): string[] =>
  [...new Set([...Object.keys(now), ...Object.keys(was)])].filter((name) => now[name] !== was[name]);

const valueText = (value: BlockPrograms['options'][string] | undefined): string =>
  value == null ? 'not given' : String(value);
