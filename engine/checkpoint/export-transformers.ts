// ExportTransformers: the newest checkpoint of a run as a folder that `transformers` loads: config.json, the weights
// under the names of their family, the files of the tokenizer. Only models that came in that layout can be written so.
import { existsSync, lstatSync, readFileSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import type { TrainConfig } from '../core/config.js';
import { DataError, messageOf, PipetrainError, UsageError } from '../core/errors.js';
import type { Model } from '../model/block.js';
import type { ForeignForm } from '../model/foreign-form.js';
import { type ExportDType, inDType, storedDType } from './export-dtype.js';
import { checkpointWeights, type ExportedWeights } from './export-weights.js';
import { realFiles, removeTree } from './file-layer.js';
import { type ForeignTensor, foreignTensors } from './foreign-tensors.js';
import { setUpRunFrom } from './resumed-setup.js';
import type { ResumePoint } from './run-checkpoint.js';
import { safetensorsHeader } from './safetensors.js';
import { continuedConfig } from './starting-config.js';

type Form = Extract<ForeignForm, { readonly folder: string }>;

/** What of a tokenizer is copied as it is. Its settings are written anew. */
const TOKENIZER_FILES = [
  'tokenizer.json',
  'vocab.txt',
  'vocab.json',
  'merges.txt',
  'special_tokens_map.json',
  'added_tokens.json',
];
const SETTINGS = 'tokenizer_config.json';
const DTYPES = { f32: 'float32', bf16: 'bfloat16', f16: 'float16' } as const;

/**
 * Writes the folder `out`, whole or not at all. Throws a UsageError: PT_EXPORT_FORM where no class of `transformers`
 * computes what the model does, PT_OUT_IN_USE where something is at `out`; a DataError PT_EXPORT where it cannot be
 * written; and what `setUpRunFrom` throws.
 */
export async function exportTransformers(
  point: ResumePoint,
  config: TrainConfig,
  out: string,
  dtype: ExportDType = 'f32',
): Promise<ExportedWeights> {
  requireFree(out);
  const { manifest, folder: checkpoint } = point;
  const setup = await setUpRunFrom({ ...continuedConfig(config, point), devices: 'cpu:1' }, point);
  const form = formOf(setup.model, manifest.absent.length);
  const { step, weightsSha256 } = manifest;
  const header = { format: 'pt', step: String(step), weightsSha256 };
  const partial = `${resolve(out)}.partial`;
  try {
    await removeTree(realFiles, partial);
    await realFiles.makeFolder(partial);
    await write(join(partial, 'config.json'), [json(configOf(form, setup.dataset.labels, dtype))]);
    for (const [name, bytes] of tokenizerOf(form)) await write(join(partial, name), [bytes]);
    const tensors = foreignTensors(setup.model, checkpointWeights(point));
    const bytes = await write(
      join(partial, 'model.safetensors'),
      concat([safetensorsHeader(tensors, header, storedDType(dtype))], numbersOf(tensors, dtype)),
    );
    await realFiles.syncFolder(partial);
    await realFiles.rename(partial, resolve(out));
    await realFiles.syncFolder(dirname(resolve(out)));
    return { checkpoint, step, tensors: tensors.length, bytes, dtype, weightsSha256 };
  } catch (cause) {
    await removeTree(realFiles, partial).catch(() => undefined);
    if (cause instanceof PipetrainError) throw cause;
    throw new DataError(
      'PT_EXPORT',
      `${out} cannot be written: ${messageOf(cause)}`,
      'Check free space and permissions, or name another folder with --out.',
      { cause },
    );
  }
}

function requireFree(out: string): void {
  if (lstatSync(out, { throwIfNoEntry: false }) !== undefined)
    throw new UsageError('PT_OUT_IN_USE', `${out} exists already`, 'Name another folder with --out.');
  if (!existsSync(dirname(resolve(out))))
    throw new UsageError(
      'PT_OUT_IN_USE',
      `there is no folder ${dirname(out)} for ${basename(out)}`,
      'Make the folder, or name another one with --out.',
    );
}

function formOf({ name, foreign }: Model, absent: number): Form {
  const refuse = (why: string, remedy: string): UsageError =>
    new UsageError('PT_EXPORT_FORM', `the model ${name} cannot be written for transformers: ${why}`, remedy);
  if (foreign === undefined)
    throw refuse(
      'no family of transformers computes what it does (bert and vit of the engine classify the mean of the tokens ' +
        'behind their normalisation, the output of gpt has a bias)',
      'Write its weights with --format safetensors, or start from a folder in the layout of Hugging Face (hf:DIR).',
    );
  if ('lacks' in foreign) throw refuse(foreign.lacks, foreign.remedy);
  if (absent > 0)
    throw refuse(`${absent} of its blocks have not grown yet`, 'Let the run go on until the model is whole.');
  return foreign;
}

const json = (value: unknown): Uint8Array => Buffer.from(`${JSON.stringify(value, null, 2)}\n`);

function configOf({ config, isClassifier }: Form, labels: readonly string[], dtype: ExportDType): unknown {
  const names = isClassifier
    ? {
        id2label: Object.fromEntries(labels.map((label, id) => [id, label])),
        label2id: Object.fromEntries(labels.map((label, id) => [label, id])),
        num_labels: undefined,
      }
    : {};
  return { ...config, ...names, dtype: DTYPES[dtype] };
}

function* tokenizerOf({ folder, sequence }: Form): Iterable<readonly [string, Uint8Array]> {
  if (sequence === null) return;
  for (const name of TOKENIZER_FILES)
    if (existsSync(join(folder, name))) yield [name, readFileSync(join(folder, name))];
  const path = join(folder, SETTINGS);
  if (!existsSync(path)) return;
  const settings = JSON.parse(readFileSync(path, 'utf8')) as Record<string, unknown>;
  // Texts are cut where samples of the run were.
  yield [SETTINGS, json({ ...settings, model_max_length: sequence })];
}

function* numbersOf(tensors: readonly ForeignTensor[], dtype: ExportDType): Iterable<Uint8Array> {
  for (const { name, numbers } of tensors) yield inDType(dtype, numbers(), name);
}

function* concat(first: Iterable<Uint8Array>, rest: Iterable<Uint8Array>): Iterable<Uint8Array> {
  yield* first;
  yield* rest;
}

/** Bytes written. */
async function write(path: string, chunks: Iterable<Uint8Array>): Promise<number> {
  const file = await realFiles.create(path);
  let bytes = 0;
  try {
    for (const chunk of chunks) {
      await file.write(chunk);
      bytes += chunk.length;
    }
    await file.sync();
  } finally {
    await file.close();
  }
  return bytes;
}
