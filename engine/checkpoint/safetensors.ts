// Safetensors: the file format of Hugging Face for named tensors (u64 header length, JSON header, raw little-endian
// data), written and read here for 32-bit floats. Not a checkpoint: that is a folder of such files with a manifest.
import { readFileSync } from 'node:fs';
import { DataError } from '../core/errors.js';
import { readSafetensorsHeader } from '../tensor/safetensors-header.js';
import { type Shape, sizeOf } from '../tensor/shape.js';

export interface NamedTensor {
  readonly name: string;
  readonly shape: Shape;
  readonly data: Float32Array;
}

/** Most bytes of one chunk: a writer that does other things in between is not held up for long. */
const CHUNK_BYTES = 1 << 20;

/** Element types that are written; by their names in the format. */
export type StoredDType = 'F32' | 'BF16' | 'F16';

/** What a file must begin with so that the tensors may follow in the given order, all of one element type. */
export function safetensorsHeader(
  tensors: readonly { readonly name: string; readonly shape: Shape }[],
  metadata: Readonly<Record<string, string>> = {},
  dtype: StoredDType = 'F32',
): Uint8Array {
  const elementBytes = dtype === 'F32' ? 4 : 2;
  let offset = 0;
  const header: Record<string, unknown> = { __metadata__: metadata };
  for (const { name, shape } of tensors) {
    const end = offset + elementBytes * sizeOf(shape);
    header[name] = { dtype, shape, data_offsets: [offset, end] };
    offset = end;
  }
  const json = Buffer.from(JSON.stringify(header));
  // The data start at a multiple of 8 bytes; the format pads the header with spaces.
  const padded = Buffer.concat([json, Buffer.alloc((8 - (json.length % 8)) % 8, ' ')]);
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(padded.length));
  return Buffer.concat([length, padded]);
}

/** The bytes of a file with these tensors, in pieces; the data are views, not copies. */
export function* safetensorsChunks(
  tensors: readonly NamedTensor[],
  metadata: Readonly<Record<string, string>> = {},
): Iterable<Uint8Array> {
  yield safetensorsHeader(tensors, metadata);
  for (const { data } of tensors) yield* bytesOf(data);
}

/** The bytes of an array in pieces, as views. */
export function* bytesOf({ buffer, byteOffset, byteLength }: Float32Array): Iterable<Uint8Array> {
  for (let done = 0; done < byteLength; done += CHUNK_BYTES)
    yield new Uint8Array(buffer, byteOffset + done, Math.min(CHUNK_BYTES, byteLength - done));
}

/** Reads every tensor of a file. Throws a DataError that names the file where it is not whole. */
export function readSafetensors(path: string): Map<string, NamedTensor> {
  const broken = (why: string): DataError =>
    new DataError(
      'PT_CHECKPOINT_BROKEN',
      `${path} is not a whole safetensors file: ${why}`,
      'Use another checkpoint of the run.',
    );
  const header = readSafetensorsHeader(path, broken);
  const bytes = readFileSync(path);
  const tensors = new Map<string, NamedTensor>();
  for (const { name, dtype, shape, offset, bytes: length } of header.values()) {
    if (dtype !== 'F32' || length !== 4 * sizeOf(shape))
      throw broken(`tensor ${name} (${dtype}, [${shape.join(',')}]) takes ${length} bytes`);
    const from = bytes.byteOffset + offset;
    tensors.set(name, { name, shape, data: new Float32Array(bytes.buffer.slice(from, from + length)) });
  }
  return tensors;
}
