// Checkpoint: a step-consistent state of a run in a folder: a safetensors file per block (parameters and optimizer
// states), what the cache held, and a manifest with the digest of every file. What is in the files is here; the order
// in which they come to be is in checkpoint-folder.ts.
import { createHash, type Hash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { DataError } from '../core/errors.js';
import { invariant, present } from '../core/invariant.js';
import { freezerStateSchema } from '../freezing/freezer-state.js';
import { type Block, type Model, parameterName } from '../model/block.js';
import { entryView, type SlabLayout } from '../model/slab.js';
import { type CheckpointFolder, MANIFEST_FILE } from './checkpoint-folder.js';
import { bytesOf, type NamedTensor, readSafetensors, safetensorsChunks } from './safetensors.js';

const manifestSchema = z.object({
  format: z.literal('pipetrain-checkpoint-1'),
  step: z.number().int(),
  seed: z.number().int(),
  config: z.record(z.string(), z.unknown()),
  plan: z.record(z.string(), z.unknown()),
  dataDigest: z.string(),
  weightsSha256: z.string(),
  progress: z.object({
    losses: z.array(z.number()).readonly(),
    samples: z.array(z.number()).readonly(),
    seconds: z.array(z.number()).readonly(),
  }),
  freezer: freezerStateSchema,
  /** Where the data goes on: `batch` batches of epoch `epoch` are done. */
  cursor: z.object({ epoch: z.number().int(), batch: z.number().int() }).optional(),
  /** The file that tells what the activation cache held (cache-manifest.ts). */
  cache: z.object({ file: z.literal('cache.json'), bytes: z.number(), sha256: z.string() }).optional(),
  files: z.array(
    z.object({
      block: z.number().int(),
      file: z.string().regex(/^block-\d{4}\.safetensors$/),
      bytes: z.number(),
      sha256: z.string(),
    }),
  ),
});

export type Manifest = z.infer<typeof manifestSchema>;
export type BlockFile = Manifest['files'][number];

/**
 * Where the state of one block lies in shared memory: parameters, and the optimizer states one behind the other where
 * the block trains.
 */
export interface BlockSource {
  readonly block: number;
  readonly weights: string;
  readonly states: string | null;
}

/** Writes one block: parameters under their canonical names, optimizer states with the suffix `.state0`, `.state1`. */
export async function writeBlock(
  target: CheckpointFolder,
  index: number,
  block: Block,
  layout: SlabLayout,
  weights: Float32Array,
  states: readonly Float32Array[],
): Promise<BlockFile> {
  const slabs = [{ suffix: '', slab: weights }, ...states.map((slab, i) => ({ suffix: `.state${i}`, slab }))];
  const tensors: NamedTensor[] = slabs.flatMap(({ suffix, slab }) =>
    layout.entries.map((entry) => ({
      name: parameterName(index, block, entry.name) + suffix,
      shape: entry.shape,
      data: entryView(slab, entry),
    })),
  );
  const file = blockFile(index);
  return { block: index, file, ...(await target.add(file, safetensorsChunks(tensors, { block: block.name }))) };
}

/**
 * Adds the parameters of one block, in the order of their canonical names, to a SHA-256 over all parameters; optimizer
 * states do not count.
 */
export async function hashWeights(
  hash: Hash,
  index: number,
  block: Block,
  layout: SlabLayout,
  weights: Float32Array,
): Promise<void> {
  const entries = new Map(layout.entries.map((entry) => [parameterName(index, block, entry.name), entry] as const));
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
    const tensors = [...readSafetensors(join(folder, file))].filter(([name]) => !STATE_NAME.test(name));
    invariant(
      tensors.every(([name]) => name.startsWith(`${String(block).padStart(4, '0')}.`)),
      () => `${file} holds parameters of another block than ${block}`,
    );
    for (const [, { data }] of tensors.sort(([a], [b]) => (a < b ? -1 : 1)))
      hash.update(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
  }
  return hash.digest('hex');
}

/** Whether a tensor of a block file is an optimizer state. */
export const STATE_NAME = /\.state\d$/;

const blockFile = (index: number): string => `block-${String(index).padStart(4, '0')}.safetensors`;
const blockPath = (folder: string, index: number): string => join(folder, blockFile(index));

/** Reads and validates the manifest of a checkpoint folder. */
export function readManifest(folder: string): Manifest {
  let text: string;
  try {
    text = readFileSync(join(folder, MANIFEST_FILE), 'utf8');
  } catch (cause) {
    throw new DataError(
      'PT_CHECKPOINT_MISSING',
      `${folder} holds no checkpoint (checkpoint.json is missing)`,
      'Name a run folder whose training reached its end, or a folder below checkpoints/.',
      { cause },
    );
  }
  const parsed = manifestSchema.safeParse(parseJson(text));
  if (!parsed.success)
    throw new DataError(
      'PT_CHECKPOINT_BROKEN',
      `${folder}/checkpoint.json is not a manifest: ${parsed.error.message}`,
      'Use another checkpoint of the run.',
    );
  return parsed.data;
}

/** Not JSON is as broken as wrong JSON; the schema says so. */
function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Throws a DataError that names the first file whose bytes are not those that were written. */
export function verifyFiles(folder: string, { files, cache }: Manifest): void {
  for (const { file, sha256 } of cache === undefined ? files : [...files, cache]) {
    const path = join(folder, file);
    if (!existsSync(path))
      throw new DataError('PT_CHECKPOINT_BROKEN', `${path} is missing`, 'Use another checkpoint of the run.');
    const found = createHash('sha256').update(readFileSync(path)).digest('hex');
    if (found !== sha256)
      throw new DataError(
        'PT_CHECKPOINT_BROKEN',
        `${path} is damaged: its SHA-256 is ${found.slice(0, 12)}..., the manifest says ${sha256.slice(0, 12)}...`,
        'Use another checkpoint of the run.',
      );
  }
}

/** Loads the parameters of every block into slabs of the model's layouts. */
export function loadWeights(folder: string, model: Model, layouts: readonly SlabLayout[]): Float32Array[] {
  return model.blocks.map((block, index) => {
    const layout = present(layouts[index], 'layout');
    const slab = new Float32Array(layout.length);
    loadBlock(folder, index, block, layout, slab, []);
    return slab;
  });
}

/** Loads one block. States that the file lacks (the block was frozen when it was written) start at zero. */
export function loadBlock(
  folder: string,
  index: number,
  block: Block,
  layout: SlabLayout,
  weights: Float32Array,
  states: readonly Float32Array[],
): void {
  const path = blockPath(folder, index);
  const tensors = readSafetensors(path);
  for (const [i, slab] of [weights, ...states].entries()) {
    const suffix = i === 0 ? '' : `.state${i - 1}`;
    for (const entry of layout.entries) {
      const name = parameterName(index, block, entry.name) + suffix;
      const tensor = tensors.get(name);
      if (i > 0 && tensor === undefined) entryView(slab, entry).fill(0);
      else if (tensor?.data.length === entry.size) entryView(slab, entry).set(tensor.data);
      else
        throw new DataError(
          'PT_CHECKPOINT_BROKEN',
          `${path} has ${tensor?.data.length ?? 0} elements of ${name}, the model needs ${entry.size}`,
          'Use the model that wrote it.',
        );
    }
  }
}
