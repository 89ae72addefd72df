// Checkpoint: a step-consistent state of a run in a folder: a safetensors file per block (parameters and optimizer states) and a manifest. Workers
// write the blocks they hold; the coordinator writes the manifest last and renames the folder, so a half-written one is never found.
import { createHash } from 'node:crypto';
import { closeSync, existsSync, fsyncSync, mkdirSync, openSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { z } from 'zod';
import { DataError } from './core/errors.js';
import { present } from './core/invariant.js';
import { parameterName, type Block, type Model } from './model/block.js';
import { entryView, type SlabLayout } from './model/slab.js';
import { readSafetensors, writeSafetensors, type NamedTensor } from './safetensors.js';

const manifestSchema = z.object({
  format: z.literal('pipetrain-checkpoint-1'),
  step: z.number().int(),
  seed: z.number().int(),
  config: z.record(z.string(), z.unknown()),
  plan: z.record(z.string(), z.unknown()),
  dataDigest: z.string(),
  weightsSha256: z.string(),
  progress: z.object({ losses: z.array(z.number()).readonly(), samples: z.array(z.number()).readonly(), seconds: z.array(z.number()).readonly() }),
  freezer: z.object({ layers: z.number().int(), decisions: z.number().int(), signals: z.object({ sums: z.array(z.number()).readonly(), steps: z.number().int() }) }),
  files: z.array(z.object({ block: z.number().int(), file: z.string().regex(/^block-\d{4}\.safetensors$/), bytes: z.number(), sha256: z.string() })),
});

export type Manifest = z.infer<typeof manifestSchema>;
export type BlockFile = Manifest['files'][number];

/** Writes one block: parameters under their canonical names, optimizer states with the suffix `.state0`, `.state1`. */
export function saveBlock(folder: string, index: number, block: Block, layout: SlabLayout, weights: Float32Array, states: readonly Float32Array[]): BlockFile {
  const slabs = [{ suffix: '', slab: weights }, ...states.map((slab, i) => ({ suffix: `.state${i}`, slab }))];
  const tensors: NamedTensor[] = slabs.flatMap(({ suffix, slab }) =>
    layout.entries.map((entry) => ({ name: parameterName(index, block, entry.name) + suffix, shape: entry.shape, data: entryView(slab, entry) })),
  );
  const file = `block-${String(index).padStart(4, '0')}.safetensors`;
  const bytes = writeSafetensors(join(folder, file), tensors, { block: block.name });
  return { block: index, file, bytes, sha256: createHash('sha256').update(readFileSync(join(folder, file))).digest('hex') };
}

/** SHA-256 over all parameters in the order of their canonical names, little-endian; optimizer states do not count. */
export function weightsSha256(folder: string, model: Model): string {
  const hash = createHash('sha256');
  for (const [index, block] of model.blocks.entries()) {
    const tensors = readSafetensors(blockPath(folder, index));
    for (const name of Object.keys(block.params).map((param) => parameterName(index, block, param)).sort()) {
      const { data } = present(tensors.get(name), `${name} in ${folder}`);
      hash.update(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
    }
  }
  return hash.digest('hex');
}

const blockPath = (folder: string, index: number): string => join(folder, `block-${String(index).padStart(4, '0')}.safetensors`);

/** Begins a checkpoint: an empty folder beside its final place. */
export function beginCheckpoint(target: string): string {
  const folder = `${target}.partial`;
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  return folder;
}

/** Ends a checkpoint: manifest, sync, rename. */
export function commitCheckpoint(folder: string, target: string, manifest: Manifest): void {
  writeFileSync(join(folder, 'checkpoint.json'), JSON.stringify(manifest, null, 2));
  sync(join(folder, 'checkpoint.json'));
  sync(folder);
  rmSync(target, { recursive: true, force: true });
  renameSync(folder, target);
  sync(dirname(target));
}

/** Reads and validates the manifest of a checkpoint folder. */
export function readManifest(folder: string): Manifest {
  let text: string;
  try {
    text = readFileSync(join(folder, 'checkpoint.json'), 'utf8');
  } catch (cause) {
    throw new DataError('PT_CHECKPOINT_MISSING', `${folder} holds no checkpoint (checkpoint.json is missing)`, 'Name a run folder whose training reached its end, or a folder below checkpoints/.', { cause });
  }
  const parsed = manifestSchema.safeParse(parseJson(text));
  if (!parsed.success) throw new DataError('PT_CHECKPOINT_BROKEN', `${folder}/checkpoint.json is not a manifest: ${parsed.error.message}`, 'Use another checkpoint of the run.');
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
export function verifyFiles(folder: string, { files }: Manifest): void {
  for (const { file, sha256 } of files) {
    const path = join(folder, file);
    if (!existsSync(path)) throw new DataError('PT_CHECKPOINT_BROKEN', `${path} is missing`, 'Use another checkpoint of the run.');
    const found = createHash('sha256').update(readFileSync(path)).digest('hex');
    if (found !== sha256)
      throw new DataError('PT_CHECKPOINT_BROKEN', `${path} is damaged: its SHA-256 is ${found.slice(0, 12)}..., the manifest says ${sha256.slice(0, 12)}...`, 'Use another checkpoint of the run.');
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
export function loadBlock(folder: string, index: number, block: Block, layout: SlabLayout, weights: Float32Array, states: readonly Float32Array[]): void {
  const path = blockPath(folder, index);
  const tensors = readSafetensors(path);
  for (const [i, slab] of [weights, ...states].entries()) {
    const suffix = i === 0 ? '' : `.state${i - 1}`;
    for (const entry of layout.entries) {
      const name = parameterName(index, block, entry.name) + suffix;
      const tensor = tensors.get(name);
      if (i > 0 && tensor === undefined) entryView(slab, entry).fill(0);
      else if (tensor?.data.length === entry.size) entryView(slab, entry).set(tensor.data);
      else throw new DataError('PT_CHECKPOINT_BROKEN', `${path} has ${tensor?.data.length ?? 0} elements of ${name}, the model needs ${entry.size}`, 'Use the model that wrote it.');
    }
  }
}

function sync(path: string): void {
  const file = openSync(path, 'r');
  try {
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}
