// Checkpoint: a step-consistent state of a run in a folder: a safetensors file per block (parameters and optimizer
// states), what the cache held, and a manifest with the digest of every file (manifest.ts). What is in the files is
// here; the order in which they come to be is in checkpoint-folder.ts.
import { createHash, type Hash } from 'node:crypto';
import { closeSync, readSync } from 'node:fs';
import { join } from 'node:path';
import { openRegularFile } from '../core/bounded-file.js';
import { DataError, messageOf, PipetrainError } from '../core/errors.js';
import { present } from '../core/invariant.js';
import { type Block, type Model, parameterName } from '../model/block.js';
import { entryView, ownEntries, type SlabEntry, type SlabLayout } from '../model/slab.js';
import type { StateLayout } from '../tensor/optimizer.js';
import type { CheckpointFolder } from './checkpoint-folder.js';
import { type BlockFile, blockFile, brokenFile, type Manifest } from './manifest.js';
import { bytesOf, type NamedTensor, readSafetensors, safetensorsChunks } from './safetensors.js';
import { type WeightMeans, weightMeans } from './weight-means.js';

const CHUNK_BYTES = 1 << 20;

/**
 * Where the state of one block lies in shared memory: parameters, and the optimizer states one behind the other where
 * the block trains.
 */
export interface BlockSource {
  readonly block: number;
  readonly weights: string;
  readonly states: string | null;
}

/** An optimizer state of a block, and where its parameters have their values in it. */
export interface BlockState {
  readonly values: Float32Array;
  readonly layout: StateLayout;
}

/** The states that lie in `values` one behind the other. */
export function statesIn(values: Float32Array, layouts: readonly StateLayout[]): BlockState[] {
  let at = 0;
  return layouts.map((layout) => {
    const state = { values: values.subarray(at, at + layout.length), layout };
    at += layout.length;
    return state;
  });
}

/**
 * Writes one block: parameters under their canonical names, optimizer states with the suffix `.state0`, `.state1`.
 * Those that are parameters of other blocks are in the files of these.
 */
export async function writeBlock(
  target: CheckpointFolder,
  index: number,
  block: Block,
  layout: SlabLayout,
  weights: Float32Array,
  states: readonly BlockState[],
): Promise<BlockFile> {
  const tensors: NamedTensor[] = partsOf(layout, weights, states).flatMap(({ suffix, slab, entries }) =>
    ownEntries(entries).map(({ name, shape, offset, size }) => ({
      name: parameterName(index, block, name) + suffix,
      shape,
      data: slab.subarray(offset, offset + size),
    })),
  );
  const file = blockFile(index);
  return { block: index, file, ...(await target.add(file, safetensorsChunks(tensors, { block: block.name }))) };
}

interface BlockPart {
  readonly suffix: string;
  readonly slab: Float32Array;
  readonly entries: readonly SlabEntry[];
}

/** Parameters and states, each with what it has of every parameter; a state of another size than that is a list. */
function partsOf(layout: SlabLayout, weights: Float32Array, states: readonly BlockState[]): readonly BlockPart[] {
  return [
    { suffix: '', slab: weights, entries: layout.entries },
    ...states.map(({ values, layout: own }, i) => ({
      suffix: `.state${i}`,
      slab: values,
      entries: layout.entries.flatMap((entry, k) => {
        const { offset, size } = present(own.entries[k], `state ${i} of ${entry.name}`);
        return size === 0 ? [] : [{ ...entry, shape: size === entry.size ? entry.shape : [size], offset, size }];
      }),
    })),
  ];
}

/**
 * Adds the parameters of one block, in the order of their canonical names, to a SHA-256 over all parameters; optimizer
 * states do not count, nor do parameters of other blocks.
 */
export async function hashWeights(
  hash: Hash,
  index: number,
  block: Block,
  layout: SlabLayout,
  weights: Float32Array,
): Promise<void> {
  const entries = new Map(
    ownEntries(layout.entries).map((entry) => [parameterName(index, block, entry.name), entry] as const),
  );
  for (const name of [...entries.keys()].sort())
    for (const bytes of bytesOf(entryView(weights, present(entries.get(name), name)))) {
      hash.update(bytes);
      // Whoever else lives in this process has its turn.
      await new Promise(setImmediate);
    }
}

/**
 * SHA-256 over all parameters of a checkpoint in the order of their canonical names, little-endian: what the manifest
 * calls `weightsSha256`.
 */
export function weightsSha256(folder: string, { files }: Manifest): string {
  const hash = createHash('sha256');
  for (const { block, file } of [...files].sort((a, b) => a.block - b.block)) {
    const path = join(folder, file);
    const tensors = [...guarded(path, () => readSafetensors(path))].filter(([name]) => !STATE_NAME.test(name));
    if (!tensors.every(([name]) => name.startsWith(`${String(block).padStart(4, '0')}.`)))
      throw brokenFile(path, `it holds parameters of another block than ${block}`);
    for (const [, { data }] of tensors.sort(([a], [b]) => (a < b ? -1 : 1)))
      hash.update(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
  }
  return hash.digest('hex');
}

/** Whether a tensor of a block file is an optimizer state. */
export const STATE_NAME = /\.state\d$/;

const blockPath = (folder: string, index: number): string => join(folder, blockFile(index));

/** Throws a DataError (PT_CHECKPOINT_BROKEN) that names the first file whose bytes are not those that were written. */
export function verifyFiles(folder: string, { files, legend, cache }: Manifest): void {
  for (const { file, bytes, sha256 } of [...files, legend, ...(cache === undefined ? [] : [cache])]) {
    const path = join(folder, file);
    const found = guarded(path, () => digestOfFile(path));
    if (found.bytes !== bytes) throw brokenFile(path, `it has ${found.bytes} bytes, the manifest says ${bytes}`);
    if (found.sha256 !== sha256)
      throw brokenFile(
        path,
        `its SHA-256 is ${found.sha256.slice(0, 12)}..., the manifest says ${sha256.slice(0, 12)}...`,
      );
  }
}

function digestOfFile(path: string): { readonly bytes: number; readonly sha256: string } {
  const { file } = openRegularFile(path);
  try {
    const hash = createHash('sha256');
    const chunk = Buffer.alloc(CHUNK_BYTES);
    let bytes = 0;
    for (let count = -1; count !== 0; bytes += count) {
      count = readSync(file, chunk, 0, chunk.length, bytes);
      hash.update(chunk.subarray(0, count));
    }
    return { bytes, sha256: hash.digest('hex') };
  } finally {
    closeSync(file);
  }
}

/** What is said of a file that cannot be read (it is gone, a folder, a pipe) says that the checkpoint is damaged. */
function guarded<T>(path: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (error instanceof PipetrainError && error.code === 'PT_CHECKPOINT_BROKEN') throw error;
    throw brokenFile(path, messageOf(error), error);
  }
}

/**
 * Loads the weights that a run came to, of every block but those that are absent, into slabs of the model's layouts:
 * the running means where it kept them.
 */
export function loadWeights(
  folder: string,
  model: Model,
  layouts: readonly SlabLayout[],
  { absent, ...manifest }: Pick<Manifest, 'absent' | 'config' | 'step'>,
): Float32Array[] {
  const mean = weightMeans(manifest);
  return model.blocks.map((_, index) => {
    if (absent.includes(index)) return new Float32Array();
    const layout = present(layouts[index], 'layout');
    const slab = new Float32Array(layout.length);
    loadBlock(folder, index, model, layout, slab, []);
    if (mean !== null) takeMeans(folder, index, model, layout, slab, mean);
    return slab;
  });
}

/** In the place of the weights; a block that was frozen has none, and its weights do not change. */
function takeMeans(
  folder: string,
  index: number,
  model: Pick<Model, 'blocks'>,
  layout: SlabLayout,
  slab: Float32Array,
  { suffix, scale }: WeightMeans,
): void {
  const tensorsIn = tensorFiles();
  for (const entry of layout.entries) {
    const view = entryView(slab, entry);
    const place = storedPlace(model, index, entry);
    const tensors = tensorsIn(blockPath(folder, place.index));
    tensors.get(place.name + suffix)?.data.forEach((value, i) => {
      view[i] = value * scale;
    });
  }
}

/** Loads one block. States that the file lacks (the block was frozen when it was written) start at zero. */
export function loadBlock(
  folder: string,
  index: number,
  model: Pick<Model, 'blocks'>,
  layout: SlabLayout,
  weights: Float32Array,
  states: readonly BlockState[],
): void {
  const tensorsIn = tensorFiles();
  for (const { suffix, slab, entries } of partsOf(layout, weights, states)) {
    for (const entry of entries) {
      const place = storedPlace(model, index, entry);
      const path = blockPath(folder, place.index);
      const name = place.name + suffix;
      const tensor = tensorsIn(path).get(name);
      const view = entryView(slab, entry);
      if (suffix !== '' && tensor === undefined) view.fill(0);
      else if (tensor?.data.length === entry.size) view.set(tensor.data);
      else
        throw new DataError(
          'PT_CHECKPOINT_BROKEN',
          `${path} has ${tensor?.data.length ?? 0} elements of ${name}, the model needs ${entry.size}`,
          'Use the model that wrote it.',
        );
    }
  }
}

/** Reads the tensors of files, each once. */
function tensorFiles(): (path: string) => ReturnType<typeof readSafetensors> {
  const files = new Map<string, ReturnType<typeof readSafetensors>>();
  return (path) => {
    const tensors = files.get(path) ?? guarded(path, () => readSafetensors(path));
    files.set(path, tensors);
    return tensors;
  };
}

/** The block in whose file a parameter of block `index` lies, and its name there. */
function storedPlace(
  { blocks }: Pick<Model, 'blocks'>,
  index: number,
  { name, sharedWith }: SlabEntry,
): { readonly index: number; readonly name: string } {
  const own = sharedWith === undefined ? index : blocks.findIndex((block) => block.name === sharedWith.block);
  const block = present(blocks[own], `block ${own}`);
  return { index: own, name: parameterName(own, block, sharedWith?.param ?? name) };
}
