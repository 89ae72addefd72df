// InitialWeights: which blocks of a model start from a checkpoint of another run, and which start fresh. It matches by
// name and shape, whole blocks at a time: half a block of old weights is worth nothing; and a block that has a place
// for every class or token starts fresh where these mean something else. Not resuming: optimizer, data order and step
// begin anew.
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { leadingLayers } from '../../freeze/layers.js';
import { DataError } from '../core/errors.js';
import { LEGEND_FILE, legendOf, readLegend } from '../data/legend.js';
import { labelDifference, tokenDifference } from '../data/legend-difference.js';
import type { RunEventBody } from '../events/events.js';
import type { Block } from '../model/block.js';
import { blocksThatFollow } from '../model/data-dependence.js';
import type { RunSetup } from '../run/run-setup.js';
import { startsTrained, type TrainedStart } from '../run/trained-start.js';
import { readSafetensorsHeader, type StoredTensor } from '../tensor/safetensors-header.js';
import { verifyFiles } from './checkpoint.js';
import { readManifest } from './manifest.js';
import { resultPoint } from './run-checkpoint.js';

export interface InitialWeights {
  /** Absolute path of the checkpoint. */
  readonly folder: string;
  /** Steps after which it was written. */
  readonly step: number;
  /** The blocks of the model; those that match start from the file. */
  readonly blocks: readonly Block[];
  readonly loaded: readonly string[];
  /** Blocks of the model that start fresh, and why. */
  readonly fresh: readonly { readonly block: string; readonly why: string }[];
  /** Blocks of the checkpoint that the model has no use for. */
  readonly unused: readonly string[];
  readonly trained: TrainedStart;
}

/** What is to be started: a model, how it was built, and the data that it is for. */
export type InitialSubject = Pick<RunSetup, 'config' | 'definition' | 'model' | 'dataset'>;

interface Found extends StoredTensor {
  readonly path: string;
}

/**
 * The checkpoint that a path names: a run folder (its newest whole checkpoint) or a checkpoint folder, every file
 * checked. Throws a DataError (PT_CHECKPOINT_MISSING, PT_CHECKPOINT_BROKEN).
 */
export function findCheckpoint(path: string): { readonly folder: string; readonly step: number } {
  if (!existsSync(join(path, 'checkpoint.json'))) {
    const { folder, manifest } = resultPoint(
      existsSync(join(path, 'checkpoints')) ? join(path, 'checkpoints') : path,
    ).point;
    return { folder: resolve(folder), step: manifest.step };
  }
  const manifest = readManifest(path);
  verifyFiles(path, manifest);
  return { folder: resolve(path), step: manifest.step };
}

/**
 * Matches a model with the checkpoint that the configuration names. Throws a DataError: PT_INIT_MISMATCH where no block
 * matches, and with `initStrict` where any block of the model does not; PT_INIT_MEANING where classes or tokens mean
 * something else than there and no block can be told that depends on them.
 */
export function initialWeights(subject: InitialSubject): InitialWeights {
  const { model, config } = subject;
  const { folder, step } = findCheckpoint(config.initFrom);
  const { trained, programs } = readManifest(folder);
  const other = otherMeaning(subject, folder);
  const stored = storedBlocks(
    folder,
    model.blocks.map(({ name }) => name),
  );
  const loaded: string[] = [];
  const fresh: { block: string; why: string }[] = [];
  const matched = model.blocks.map((block): Block => {
    const tensors = stored.get(block.name);
    const isThere = programs.blocks.some(({ name }) => name === block.name);
    const why = isThere
      ? (other.get(block.name) ?? mismatch(block, tensors))
      : 'the checkpoint has no block of this name';
    if (why !== null) {
      fresh.push({ block: block.name, why });
      return block;
    }
    // A block without parameters, that the checkpoint has, too, is neither.
    if (tensors === undefined || Object.keys(block.params).length === 0) return block;
    loaded.push(block.name);
    return {
      ...block,
      params: Object.fromEntries(
        Object.entries(block.params).map(([name, spec]) => [
          name,
          spec.sharedWith === undefined ? { ...spec, init: initOf(tensors.get(name) as Found) } : spec,
        ]),
      ),
    };
  });
  const blocks = sharingAgain(matched);
  const names = new Set(model.blocks.map(({ name }) => name));
  const result = {
    folder,
    step,
    blocks,
    loaded,
    fresh,
    unused: programs.blocks.map(({ name }) => name).filter((name) => !names.has(name)),
    trained: trainedBy(blocks, new Set(loaded), trained),
  };
  if (loaded.length > 0 && (!config.initStrict || fresh.length === 0)) return result;
  const missing = mismatches(fresh);
  throw new DataError(
    'PT_INIT_MISMATCH',
    loaded.length === 0
      ? `no block of the model ${model.name} matches the checkpoint ${folder}: ${missing}`
      : `${fresh.length} of ${model.blocks.length} blocks of the model ${model.name} do not match the ` +
          `checkpoint ${folder}: ${missing}`,
    loaded.length === 0
      ? 'Name a run of the same model, with the same --model-options.'
      : 'Train without --init-strict: those blocks then start fresh.',
  );
}

/** What a block shares with another one starts as it does there. */
const sharingAgain = (blocks: readonly Block[]): Block[] =>
  blocks.map((block) => ({
    ...block,
    params: Object.fromEntries(
      Object.entries(block.params).map(([name, spec]) => {
        const { sharedWith } = spec;
        const owner = blocks.find((one) => one.name === sharedWith?.block)?.params[sharedWith?.param ?? ''];
        return [name, owner === undefined ? spec : { ...spec, init: owner.init }];
      }),
    ),
  }));

/** Blocks that do not match and are told of one by one. */
const LISTED = 3;

/** The first of many: most often one number is another one, and all blocks say so. */
function mismatches(fresh: readonly { readonly block: string; readonly why: string }[]): string {
  const more = fresh.length - LISTED;
  const listed = fresh.slice(0, LISTED).map(({ block, why }) => `${block}: ${why}`);
  return [...listed, ...(more > 0 ? [`and ${more} more`] : [])].join('; ');
}

/** The event that tells what was found. */
export const weightsEvent = ({
  folder,
  step,
  loaded,
  fresh,
  unused,
}: InitialWeights): Extract<RunEventBody, { type: 'weights.loaded' }> => ({
  type: 'weights.loaded',
  from: folder,
  fromStep: step,
  loaded: [...loaded],
  fresh: fresh.map((one) => ({ ...one })),
  unused: [...unused],
});

const initOf = ({ path, offset }: Found) =>
  ({ kind: 'file', range: { path, offset, dtype: 'F32', isTransposed: false } }) as const;

/**
 * Blocks of which every place stands for a class or a token that is another one in the checkpoint, and why. By shapes
 * alone they would fit.
 */
function otherMeaning({ config, definition, model, dataset }: InitialSubject, folder: string): Map<string, string> {
  const [here, there] = [legendOf(dataset), readLegend(join(folder, LEGEND_FILE))];
  const differences = [
    { what: 'vocabulary', why: tokenDifference(here, there) },
    { what: 'classes', why: labelDifference(here, there) },
  ] as const;
  const other = new Map<string, string>();
  for (const { what, why } of differences) {
    if (why === null || dataset.info[what] === null) continue;
    const blocks = blocksThatFollow(definition, config.modelOptions, dataset.info, what);
    if (blocks === null || blocks.size === 0) throw cannotTell(model.name, folder, what, why);
    for (const name of blocks) other.set(name, why);
  }
  return other;
}

const cannotTell = (model: string, folder: string, what: 'classes' | 'vocabulary', why: string): DataError =>
  new DataError(
    'PT_INIT_MEANING',
    `the numbers of the data do not mean what they mean in the checkpoint ${folder}: ${why}; and no block of the ` +
      `model ${model} follows data.${what}, so that nobody can tell which would have to start fresh`,
    what === 'classes'
      ? 'Name the labels as they are there, or let build() of the model size its last block by data.classes.'
      : 'Leave out the data options that ask for another vocabulary, so that the data are read by that of the ' +
          'checkpoint; or let build() of the model size its blocks by data.vocabulary.',
  );

/** How much of the model starts from trained weights, those of its own files included. */
function trainedBy(blocks: readonly Block[], loaded: ReadonlySet<string>, there: TrainedStart): TrainedStart {
  const isPretrained = ({ name, layer }: Block): boolean => !loaded.has(name) || there.pretrainedLayers > (layer ?? 0);
  return {
    trainedLayers: leadingLayers(blocks, startsTrained),
    pretrainedLayers: leadingLayers(blocks, (block) => startsTrained(block) && isPretrained(block)),
  };
}

/** Why a block cannot take these tensors, or null. */
function mismatch(block: Block, tensors: ReadonlyMap<string, Found> | undefined): string | null {
  for (const [name, { shape, sharedWith }] of Object.entries(block.params)) {
    const found = tensors?.get(name);
    if (sharedWith !== undefined && found === undefined) continue;
    if (sharedWith !== undefined)
      return `${name} is ${sharedWith.param} of ${sharedWith.block} here, and a parameter of its own there`;
    if (found === undefined) return `the checkpoint has no ${name}`;
    if (found.dtype !== 'F32' || found.shape.join() !== shape.join())
      return `${name} is [${shape.join(', ')}] here and [${found.shape.join(', ')}] there`;
  }
  return null;
}

/** Parameters by block and name; optimizer states are left out. `known` are the names of blocks to look for. */
function storedBlocks(folder: string, known: readonly string[]): Map<string, Map<string, Found>> {
  const blocks = new Map<string, Map<string, Found>>();
  for (const { file } of readManifest(folder).files) {
    const path = join(folder, file);
    const broken = (why: string): Error =>
      new DataError(
        'PT_CHECKPOINT_BROKEN',
        `${path} is not a whole safetensors file: ${why}`,
        'Use another checkpoint of the run.',
      );
    const tensors = readSafetensorsHeader(path, broken);
    for (const tensor of tensors.values()) {
      // <index>.<block>.<parameter>[.state<n>], where all names may contain dots.
      const name = tensor.name.replace(/^\d+\./, '');
      if (/\.state\d+$/.test(name)) continue;
      const fitting = known.filter((one) => name.startsWith(`${one}.`)).sort((a, b) => b.length - a.length);
      const block = fitting[0] ?? name.slice(0, name.lastIndexOf('.'));
      const found = blocks.get(block) ?? new Map<string, Found>();
      blocks.set(block, found.set(name.slice(block.length + 1), { ...tensor, path }));
    }
  }
  return blocks;
}
