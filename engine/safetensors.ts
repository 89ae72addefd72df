// Safetensors: the file format of Hugging Face for named tensors (u64 header length, JSON header, raw little-endian data), written and read here for
// 32-bit floats. Not a checkpoint: that is a folder of such files with a manifest.
import { closeSync, fsyncSync, openSync, readFileSync, writeSync } from 'node:fs';
import { z } from 'zod';
import { DataError } from './core/errors.js';
import { sizeOf, type Shape } from './tensor/shape.js';

export interface NamedTensor {
  readonly name: string;
  readonly shape: Shape;
  readonly data: Float32Array;
}

const headerSchema = z.record(
  z.string(),
  z.union([z.object({ dtype: z.string(), shape: z.array(z.number().int().nonnegative()), data_offsets: z.tuple([z.number().int(), z.number().int()]) }), z.record(z.string(), z.string())]),
);

/** Writes the tensors in the given order and syncs the file to the disk; returns its bytes. */
export function writeSafetensors(path: string, tensors: readonly NamedTensor[], metadata: Readonly<Record<string, string>> = {}): number {
  let offset = 0;
  const header: Record<string, unknown> = { __metadata__: metadata };
  for (const { name, shape, data } of tensors) {
    header[name] = { dtype: 'F32', shape, data_offsets: [offset, offset + data.byteLength] };
    offset += data.byteLength;
  }
  const json = Buffer.from(JSON.stringify(header));
  // The data start at a multiple of 8 bytes; the format pads the header with spaces.
  const padded = Buffer.concat([json, Buffer.alloc((8 - (json.length % 8)) % 8, ' ')]);
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(padded.length));
  const file = openSync(path, 'w');
  try {
    writeAll(file, length);
    writeAll(file, padded);
    for (const { data } of tensors) writeAll(file, Buffer.from(data.buffer, data.byteOffset, data.byteLength));
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
  return 8 + padded.length + offset;
}

/** Reads every tensor of a file. Throws a DataError that names the file where it is not whole. */
export function readSafetensors(path: string): Map<string, NamedTensor> {
  const bytes = readFileSync(path);
  const broken = (why: string): DataError => new DataError('PT_CHECKPOINT_BROKEN', `${path} is not a whole safetensors file: ${why}`, 'Use another checkpoint of the run.');
  if (bytes.length < 8) throw broken(`${bytes.length} bytes, at least 8 are needed`);
  const headerBytes = Number(bytes.readBigUInt64LE());
  if (8 + headerBytes > bytes.length) throw broken(`the header needs ${8 + headerBytes} bytes, the file has ${bytes.length}`);
  const header = headerSchema.parse(JSON.parse(bytes.toString('utf8', 8, 8 + headerBytes)));
  const tensors = new Map<string, NamedTensor>();
  for (const [name, entry] of Object.entries(header)) {
    if (name === '__metadata__' || !('data_offsets' in entry) || typeof entry.data_offsets === 'string') continue;
    const { dtype, shape, data_offsets: range } = entry as { dtype: string; shape: number[]; data_offsets: [number, number] };
    const [from, to] = [8 + headerBytes + range[0], 8 + headerBytes + range[1]];
    if (dtype !== 'F32' || to - from !== 4 * sizeOf(shape) || to > bytes.length) throw broken(`tensor ${name} (${dtype}, [${shape.join(',')}]) lies at ${from}..${to} of ${bytes.length}`);
    tensors.set(name, { name, shape, data: new Float32Array(bytes.buffer.slice(bytes.byteOffset + from, bytes.byteOffset + to)) });
  }
  return tensors;
}

function writeAll(file: number, bytes: Buffer): void {
  for (let done = 0; done < bytes.length; ) done += writeSync(file, bytes, done);
}
