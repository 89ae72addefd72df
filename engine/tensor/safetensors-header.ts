// SafetensorsHeader: which tensors a safetensors file holds and at which bytes. The format is that of Hugging Face: u64
// header length, JSON header, raw little-endian data. The data are not read here.
import { closeSync, readSync } from 'node:fs';
import { z } from 'zod';
import { DESCRIPTION_BYTES, openRegularFile } from '../core/bounded-file.js';
import type { Shape } from './shape.js';

/** Where a file holds a tensor. */
export interface StoredTensor {
  readonly name: string;
  /** As the format spells it: F32, F16, BF16, I64 ... */
  readonly dtype: string;
  readonly shape: Shape;
  /** Bytes from the start of the file. */
  readonly offset: number;
  readonly bytes: number;
}

const size = z.number().int().nonnegative();
const entrySchema = z.object({ dtype: z.string(), shape: z.array(size), data_offsets: z.tuple([size, size]) });
const headerSchema = z.record(z.string(), z.unknown());

/**
 * The tensors of a file by name, in its order. Throws what `broken` makes of the reason where the file is not whole;
 * passes on what opening it throws.
 */
export function readSafetensorsHeader(path: string, broken: (why: string) => Error): Map<string, StoredTensor> {
  const { file, bytes: fileBytes } = openRegularFile(path);
  try {
    if (fileBytes < 8) throw broken(`${fileBytes} bytes, at least 8 are needed`);
    const headerBytes = Number(readBytes(file, 0, 8).readBigUInt64LE());
    if (8 + headerBytes > fileBytes)
      throw broken(`the header needs ${8 + headerBytes} bytes, the file has ${fileBytes}`);
    // The format's own implementation allows 100 MB, which as JSON would take gigabytes; 16 MiB hold 100,000 tensors.
    if (headerBytes > DESCRIPTION_BYTES)
      throw broken(`the header has ${headerBytes} bytes, at most ${DESCRIPTION_BYTES} are read`);
    const tensors = new Map<string, StoredTensor>();
    for (const [name, raw] of Object.entries(parseHeader(readBytes(file, 8, headerBytes), broken))) {
      if (name === '__metadata__') continue;
      const { data: entry } = entrySchema.safeParse(raw);
      if (entry === undefined) throw broken(`the header says nothing that makes sense of the tensor ${name}`);
      const [from, to] = entry.data_offsets;
      const offset = 8 + headerBytes + from;
      if (to < from || offset + (to - from) > fileBytes)
        throw broken(`tensor ${name} lies at ${offset}..${offset + to - from} of ${fileBytes}`);
      tensors.set(name, { name, dtype: entry.dtype, shape: entry.shape, offset, bytes: to - from });
    }
    return tensors;
  } finally {
    closeSync(file);
  }
}

function parseHeader(bytes: Buffer, broken: (why: string) => Error): Record<string, unknown> {
  try {
    return headerSchema.parse(JSON.parse(bytes.toString('utf8')));
  } catch {
    throw broken('the header is no JSON object');
  }
}

function readBytes(file: number, position: number, length: number): Buffer {
  const bytes = Buffer.alloc(length);
  for (let done = 0; done < length;) {
    const read = readSync(file, bytes, done, length - done, position + done);
    if (read === 0) break;
    done += read;
  }
  return bytes;
}
