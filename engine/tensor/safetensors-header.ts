// SafetensorsHeader: which tensors a safetensors file holds and at which bytes. The format is that of Hugging Face: u64
// header length, JSON header, raw little-endian data. What the library of the format refuses is refused here: tensors
// that overlap, leave bytes out or take others than their shape needs. The data are not read here.
import { closeSync, readSync } from 'node:fs';
import { openRegularFile } from '../core/bounded-file.js';
import { JsonMembers, JsonNumber, parseStrictJson, type StrictJson } from '../core/strict-json.js';
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

/** As the library of the format. */
const MOST_HEADER_BYTES = 100_000_000;
const LENGTH_BYTES = 8;
const METADATA = '__metadata__';
/** Bits of one element, by the names of the format. */
const BITS: ReadonlyMap<string, bigint> = new Map([
  ['F4', 4n],
  ...['F6_E2M3', 'F6_E3M2'].map((name) => [name, 6n] as const),
  ...['BOOL', 'U8', 'I8', 'F8_E5M2', 'F8_E4M3', 'F8_E8M0', 'F8_E4M3FNUZ', 'F8_E5M2FNUZ'].map(
    (name) => [name, 8n] as const,
  ),
  ...['I16', 'U16', 'F16', 'BF16'].map((name) => [name, 16n] as const),
  ...['I32', 'U32', 'F32'].map((name) => [name, 32n] as const),
  ...['C64', 'F64', 'I64', 'U64'].map((name) => [name, 64n] as const),
]);

type Broken = (why: string) => Error;

/** What the header says of a tensor; `from` and `to` count from the end of the header. */
interface Entry {
  readonly name: string;
  readonly dtype: string;
  readonly shape: readonly bigint[];
  readonly from: bigint;
  readonly to: bigint;
}

/**
 * The tensors of a file by name, in the order of their bytes. Throws what `broken` makes of the reason where the file
 * is not whole; passes on what opening it throws.
 */
export function readSafetensorsHeader(path: string, broken: Broken): Map<string, StoredTensor> {
  const { file, bytes: fileBytes } = openRegularFile(path);
  try {
    if (fileBytes < LENGTH_BYTES) throw broken(`${fileBytes} bytes, at least ${LENGTH_BYTES} are needed`);
    const headerBytes = Number(readBytes(file, 0, LENGTH_BYTES).readBigUInt64LE());
    if (headerBytes > MOST_HEADER_BYTES)
      throw broken(`the header has ${headerBytes} bytes, the format allows ${MOST_HEADER_BYTES}`);
    const dataAt = LENGTH_BYTES + headerBytes;
    if (dataAt > fileBytes) throw broken(`the header needs ${dataAt} bytes, the file has ${fileBytes}`);
    const entries = entriesOf(parseHeader(readBytes(file, LENGTH_BYTES, headerBytes), broken), broken);
    const tensors = new Map<string, StoredTensor>();
    let end = 0n;
    for (const entry of entries) {
      requirePlace(entry, end, broken);
      end = entry.to;
      const { name, dtype, shape, from, to } = entry;
      tensors.set(name, {
        name,
        dtype,
        shape: shape.map(Number),
        offset: dataAt + Number(from),
        bytes: Number(to - from),
      });
    }
    if (end !== BigInt(fileBytes - dataAt))
      throw broken(`its tensors take ${end} bytes, behind the header there are ${fileBytes - dataAt}`);
    return tensors;
  } finally {
    closeSync(file);
  }
}

function parseHeader(bytes: Buffer, broken: Broken): JsonMembers {
  let header: StrictJson;
  try {
    header = parseStrictJson(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes));
  } catch (error) {
    throw broken(`the header is no JSON: ${(error as Error).message}`);
  }
  if (!(header instanceof JsonMembers)) throw broken('the header is no JSON object');
  return header;
}

/** What the header says, sorted by the bytes it speaks of. */
function entriesOf(header: JsonMembers, broken: Broken): Entry[] {
  const seen = new Set<string>();
  const entries: Entry[] = [];
  for (const [name, value] of header.all) {
    if (seen.has(name)) throw broken(`the header has two entries of the name ${name}`);
    seen.add(name);
    if (name === METADATA) requireTexts(value, broken);
    else entries.push(entryOf(name, value, broken));
  }
  return entries.sort((a, b) => compare(a.from, b.from) || compare(a.to, b.to));
}

const compare = (a: bigint, b: bigint): number => (a < b ? -1 : a > b ? 1 : 0);

function requireTexts(metadata: StrictJson, broken: Broken): void {
  if (metadata === null) return;
  if (!(metadata instanceof JsonMembers)) throw broken(`${METADATA} of the header is no JSON object`);
  const other = metadata.all.find(([, value]) => typeof value !== 'string');
  if (other !== undefined) throw broken(`${METADATA} of the header has something else than a text for ${other[0]}`);
}

function entryOf(name: string, value: StrictJson, broken: Broken): Entry {
  const wrong = (what: string): Error => broken(`the header says of the tensor ${name} ${what}`);
  if (!(value instanceof JsonMembers)) throw wrong('nothing that makes sense');
  const read = (field: string): StrictJson => {
    const found = value.all.filter(([known]) => known === field);
    if (found.length !== 1) throw wrong(found.length === 0 ? `no ${field}` : `${field} twice`);
    return found[0]?.[1] ?? null;
  };
  const [dtype, shape, offsets] = [read('dtype'), wholes(read('shape')), wholes(read('data_offsets'))];
  if (typeof dtype !== 'string' || !BITS.has(dtype))
    throw wrong(`the type ${typeof dtype === 'string' ? dtype : 'of something'}, which the format does not have`);
  if (shape === null) throw wrong('a shape that is no list of whole numbers from 0');
  const [from, to] = offsets ?? [];
  if (from === undefined || to === undefined || offsets?.length !== 2)
    throw wrong('data_offsets that are not two whole numbers from 0');
  return { name, dtype, shape, from, to };
}

function wholes(value: StrictJson): bigint[] | null {
  if (!Array.isArray(value)) return null;
  const numbers = (value as readonly StrictJson[]).map((one) => (one instanceof JsonNumber ? one.whole : null));
  return numbers.every((one) => one !== null) ? numbers : null;
}

/** A tensor begins where the one before it ends, and takes what its shape needs. */
function requirePlace({ name, dtype, shape, from, to }: Entry, end: bigint, broken: Broken): void {
  if (from !== end || to < from)
    throw broken(
      `tensor ${name} lies at bytes ${from} to ${to} behind the header, where the tensors before it end at ${end}`,
    );
  const text = `${dtype}, [${shape.join(', ')}]`;
  let bits = 1n;
  for (const size of [...shape, BITS.get(dtype) ?? 0n]) {
    bits *= size;
    // Here as in the library, whatever a size of 0 would make of it.
    if (bits >= 2n ** 64n) throw broken(`tensor ${name} (${text}) has more elements than can be counted`);
  }
  if (bits !== 8n * (to - from))
    throw broken(`tensor ${name} (${text}) takes ${to - from} bytes, its shape needs ${Number(bits) / 8}`);
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
