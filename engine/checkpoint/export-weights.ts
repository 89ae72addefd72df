// ExportWeights: the parameters of a run's newest checkpoint as one safetensors file, under their canonical names.
// Optimizer states stay behind.
import { createHash } from 'node:crypto';
import { closeSync, existsSync, lstatSync, openSync, readSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { DataError, messageOf, UsageError } from '../core/errors.js';
import type { RunFolder } from '../run/run-folder.js';
import { readSafetensorsHeader, type StoredTensor } from '../tensor/safetensors-header.js';
import { STATE_NAME } from './checkpoint.js';
import { type FileLayer, realFiles, removeTree } from './file-layer.js';
import { newestResumePoint } from './run-checkpoint.js';
import { safetensorsHeader } from './safetensors.js';

export interface ExportedWeights {
  readonly checkpoint: string;
  readonly step: number;
  readonly tensors: number;
  readonly bytes: number;
  /** Over all parameters in the order of their names, as in summary.json. */
  readonly weightsSha256: string;
}

const CHUNK_BYTES = 1 << 20;

/** Throws a UsageError (PT_OUT_IN_USE) where no new file can be made at `out`. */
function requireFree(out: string): void {
  const there = lstatSync(out, { throwIfNoEntry: false });
  if (there !== undefined)
    throw new UsageError(
      'PT_OUT_IN_USE',
      `${out} exists already${there.isFile() ? '' : ', and is no plain file'}`,
      // A folder, a device or a link is nothing to be deleted on our word.
      `Name another file with --out${there.isFile() ? ', or delete this one' : ''}.`,
    );
  if (!existsSync(dirname(resolve(out))))
    throw new UsageError(
      'PT_OUT_IN_USE',
      `there is no folder ${dirname(out)} for ${out}`,
      'Make the folder, or name another file with --out.',
    );
}

/**
 * Writes `out`, whole or not at all. Throws a UsageError (PT_OUT_IN_USE) where it exists, a DataError where the run has
 * no whole checkpoint.
 */
export async function exportWeights(
  run: RunFolder,
  out: string,
  files: FileLayer = realFiles,
): Promise<ExportedWeights> {
  requireFree(out);
  const { folder, manifest } = newestResumePoint(run.checkpointsPath).point;
  const stored = [...manifest.files]
    .sort((a, b) => a.block - b.block)
    .flatMap(({ file }) => parametersOf(join(folder, file)));
  const partial = `${resolve(out)}.partial`;
  const hash = createHash('sha256');
  let bytes = 0;
  try {
    await removeTree(files, partial);
    const target = await files.create(partial);
    try {
      const write = async (chunk: Uint8Array): Promise<void> => {
        bytes += chunk.length;
        await target.write(chunk);
      };
      await write(
        safetensorsHeader(stored, {
          step: String(manifest.step),
          model: String(manifest.config['model']),
          weightsSha256: manifest.weightsSha256,
        }),
      );
      for (const tensor of stored)
        for (const chunk of bytesIn(tensor)) {
          hash.update(chunk);
          await write(chunk);
        }
      await target.sync();
    } finally {
      await target.close();
    }
    await files.rename(partial, resolve(out));
    await files.syncFolder(dirname(resolve(out)));
  } catch (cause) {
    await removeTree(files, partial).catch(() => undefined);
    throw new DataError(
      'PT_EXPORT',
      `${out} cannot be written: ${messageOf(cause)}`,
      'Check free space and permissions, or name another file with --out.',
      { cause },
    );
  }
  return { checkpoint: folder, step: manifest.step, tensors: stored.length, bytes, weightsSha256: hash.digest('hex') };
}

function parametersOf(path: string): (StoredTensor & { readonly path: string })[] {
  const broken = (why: string): DataError =>
    new DataError(
      'PT_CHECKPOINT_BROKEN',
      `${path} is not a whole safetensors file: ${why}`,
      'Use another checkpoint of the run.',
    );
  return [...readSafetensorsHeader(path, broken).values()]
    .filter(({ name }) => !STATE_NAME.test(name))
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .map((tensor) => ({ ...tensor, path }));
}

/** The bytes of a tensor in pieces; a piece is overwritten by the next one. */
function* bytesIn({ path, offset, bytes }: StoredTensor & { readonly path: string }): Iterable<Uint8Array> {
  const buffer = Buffer.alloc(Math.min(bytes, CHUNK_BYTES));
  const file = openSync(path, 'r');
  try {
    for (let done = 0; done < bytes;) {
      const read = readSync(file, buffer, 0, Math.min(buffer.length, bytes - done), offset + done);
      if (read === 0)
        throw new DataError(
          'PT_CHECKPOINT_BROKEN',
          `${path} ends ${bytes - done} bytes before its header says`,
          'Use another checkpoint of the run.',
        );
      done += read;
      yield buffer.subarray(0, read);
    }
  } finally {
    closeSync(file);
  }
}
