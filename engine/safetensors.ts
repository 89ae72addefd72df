// Safetensors: the file format of Hugging Face for named tensors (u64 header length, JSON header, raw little-endian data), written and read here for
// 32-bit floats. Not a checkpoint: that is a folder of such files with a manifest.
import { closeSync, fsyncSync, openSync, readFileSync, writeSync } from 'node:fs';
import { DataError } from './core/errors.js';
import { readSafetensorsHeader } from './tensor/safetensors-header.js';
import { sizeOf, type Shape } from './tensor/shape.js';

export interface NamedTensor {
  readonly name: string;
  readonly shape: Shape;
  readonly data: Float32Array;
}

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
  const broken = (why: string): DataError => new DataError('PT_CHECKPOINT_BROKEN', `${path} is not a whole safetensors file: ${why}`, 'Use another checkpoint of the run.');
  const header = readSafetensorsHeader(path, broken);
  const bytes = readFileSync(path);
  const tensors = new Map<string, NamedTensor>();
  for (const { name, dtype, shape, offset, bytes: length } of header.values()) {
    if (dtype !== 'F32' || length !== 4 * sizeOf(shape)) throw broken(`tensor ${name} (${dtype}, [${shape.join(',')}]) takes ${length} bytes`);
    const from = bytes.byteOffset + offset;
    tensors.set(name, { name, shape, data: new Float32Array(bytes.buffer.slice(from, from + length)) });
  }
  return tensors;
}

function writeAll(file: number, bytes: Buffer): void {
  for (let done = 0; done < bytes.length; ) done += writeSync(file, bytes, done);
}
