// ExportWeights: the parameters of a run's newest checkpoint as one safetensors file, under their canonical names.
// Optimizer states stay behind.
import { createHash } from 'node:crypto';
import { closeSync, existsSync, lstatSync, openSync, readSync } from 'node:fs';
import { dirname, extname, join, resolve } from 'node:path';
import { DataError, messageOf, PipetrainError, UsageError } from '../core/errors.js';
import type { RunFolder } from '../run/run-folder.js';
import { readSafetensorsHeader, type StoredTensor } from '../tensor/safetensors-header.js';
import { STATE_NAME } from './checkpoint.js';
import { type ExportDType, inDType, storedDType } from './export-dtype.js';
import { type FileLayer, realFiles, removeTree } from './file-layer.js';
import { resultPoint, type ResumePoint } from './run-checkpoint.js';
import { type NamedTensor, safetensorsHeader } from './safetensors.js';
import { type WeightMeans, weightMeans } from './weight-means.js';

export interface ExportedWeights {
  readonly checkpoint: string;
  readonly step: number;
  readonly tensors: number;
  readonly bytes: number;
  readonly dtype: ExportDType;
  /** Over all parameters as the run has them, in the order of their names, as in summary.json. */
  readonly weightsSha256: string;
}

export interface ExportOptions {
  /** Default: as the run has them, f32. */
  readonly dtype?: ExportDType;
  readonly files?: FileLayer;
}

const CHUNK_BYTES = 1 << 20;

/** Whoever gets the file takes it for what its name says. */
const ENDING = '.safetensors';

/** Throws a UsageError: PT_OUT_IN_USE where no new file can be made at `out`, PT_EXPORT_NAME for another ending. */
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
  const ending = extname(out);
  if (ending !== ENDING)
    throw new UsageError(
      'PT_EXPORT_NAME',
      `--out ${out} is to be a safetensors file, whose name ends in ${ENDING}, not in "${ending}"`,
      `Use --out ${out.slice(0, out.length - ending.length)}${ENDING}.`,
    );
}

/**
 * Writes `out`, whole or not at all. Throws a UsageError where it exists (PT_OUT_IN_USE) or has another ending
 * (PT_EXPORT_NAME), a DataError where the run has no whole checkpoint.
 */
export async function exportWeights(
  run: RunFolder,
  out: string,
  { dtype = 'f32', files = realFiles }: ExportOptions = {},
): Promise<ExportedWeights> {
  requireFree(out);
  const { folder, manifest } = resultPoint(run.checkpointsPath).point;
  const stored = [...manifest.files]
    .sort((a, b) => a.block - b.block)
    .flatMap(({ file }) => parametersOf(join(folder, file), weightMeans(manifest)));
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
        safetensorsHeader(
          stored,
          {
            step: String(manifest.step),
            model: String(manifest.config['model']),
            // It is that of the parameters in f32, also where the file has their means.
            weightsSha256: manifest.weightsSha256,
          },
          storedDType(dtype),
        ),
      );
      for (const tensor of stored)
        for (const floats of floatsIn(tensor)) {
          hash.update(inDType('f32', floats, tensor.name));
          await write(inDType(dtype, floats, tensor.name));
        }
      await target.sync();
    } finally {
      await target.close();
    }
    await files.rename(partial, resolve(out));
    await files.syncFolder(dirname(resolve(out)));
  } catch (cause) {
    await removeTree(files, partial).catch(() => undefined);
    if (cause instanceof PipetrainError) throw cause;
    throw new DataError(
      'PT_EXPORT',
      `${out} cannot be written: ${messageOf(cause)}`,
      'Check free space and permissions, or name another file with --out.',
      { cause },
    );
  }
  const weightsSha256 = hash.digest('hex');
  return { checkpoint: folder, step: manifest.step, tensors: stored.length, bytes, dtype, weightsSha256 };
}

/** What `exportWeights` writes in f32, in memory: the parameters of a checkpoint by their canonical names. */
export function checkpointWeights({ folder, manifest }: ResumePoint): Map<string, NamedTensor> {
  const weights = new Map<string, NamedTensor>();
  for (const { file } of [...manifest.files].sort((a, b) => a.block - b.block))
    for (const tensor of parametersOf(join(folder, file), weightMeans(manifest))) {
      const data = new Float32Array(tensor.bytes / 4);
      let done = 0;
      for (const piece of floatsIn(tensor)) {
        data.set(piece, done);
        done += piece.length;
      }
      weights.set(tensor.name, { name: tensor.name, shape: tensor.shape, data });
    }
  return weights;
}

interface Exported extends StoredTensor {
  readonly path: string;
  readonly scale: number;
}

/** Under the names of the parameters: themselves, or their running means where there are any. */
function parametersOf(path: string, means: WeightMeans | null): Exported[] {
  const broken = (why: string): DataError =>
    new DataError(
      'PT_CHECKPOINT_BROKEN',
      `${path} is not a whole safetensors file: ${why}`,
      'Use another checkpoint of the run.',
    );
  const stored = readSafetensorsHeader(path, broken);
  return [...stored.values()]
    .filter(({ name }) => !STATE_NAME.test(name))
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .map((tensor) => {
      const mean = means === null ? undefined : stored.get(tensor.name + means.suffix);
      return { ...(mean ?? tensor), name: tensor.name, path, scale: mean === undefined ? 1 : (means?.scale ?? 1) };
    });
}

/** The numbers of a tensor in pieces; a piece is overwritten by the next one. */
function* floatsIn({ path, offset, bytes, scale }: Exported): Iterable<Float32Array> {
  const numbers = new Float32Array(Math.min(bytes, CHUNK_BYTES) / 4);
  const buffer = new Uint8Array(numbers.buffer);
  const file = openSync(path, 'r');
  try {
    for (let done = 0; done < bytes;) {
      const wanted = Math.min(buffer.length, bytes - done);
      let read = 0;
      for (let more = 1; more > 0 && read < wanted; read += more)
        more = readSync(file, buffer, read, wanted - read, offset + done + read);
      if (read < wanted)
        throw new DataError(
          'PT_CHECKPOINT_BROKEN',
          `${path} ends ${bytes - done - read} bytes before its header says`,
          'Use another checkpoint of the run.',
        );
      done += read;
      const piece = numbers.subarray(0, read / 4);
      if (scale !== 1) for (let i = 0; i < piece.length; i++) piece[i] = (piece[i] as number) * scale;
      yield piece;
    }
  } finally {
    closeSync(file);
  }
}
