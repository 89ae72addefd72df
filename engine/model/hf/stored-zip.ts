// StoredZip: where the entries of an uncompressed zip file begin, which is how PyTorch lays out weights, with the
// checksums of what they hold. What a zip file says twice must be the same both times; entries that are compressed,
// encrypted or overlap are refused. It unpacks nothing.
import { closeSync, readSync } from 'node:fs';
import { crc32 } from '../../comm/crc32.js';
import { DESCRIPTION_BYTES, openRegularFile } from '../../core/bounded-file.js';
import {
  type Broken,
  type DirectoryEntry,
  findDirectory,
  readDirectory,
  type ReadPart,
  requireLocalHeader,
} from './zip-directory.js';

export interface ZipEntry {
  /** Bytes from the start of the file to the content. */
  readonly offset: number;
  readonly bytes: number;
  /** CRC-32 of the content. */
  readonly crc: number;
}

/** Bytes of an entry that are read at a time for its checksum; as many are in memory. */
const CHUNK_BYTES = 2 ** 22;

/**
 * The entries by name; the content of each has been read once, and has its checksum. Throws what `broken` makes of the
 * reason where the file is no such zip file.
 */
export function readStoredZip(path: string, broken: Broken): Map<string, ZipEntry> {
  const { file, bytes: fileBytes } = openRegularFile(path);
  try {
    const read: ReadPart = (offset, length) => {
      if (offset < 0 || offset + length > fileBytes) throw broken(`no ${length} bytes at ${offset} of ${fileBytes}`);
      if (length > DESCRIPTION_BYTES)
        throw broken(`${length} bytes describe its entries, at most ${DESCRIPTION_BYTES} are read`);
      const bytes = Buffer.alloc(length);
      if (readSync(file, bytes, 0, length, offset) !== length)
        throw broken(`no ${length} bytes at ${offset} of ${fileBytes}`);
      return bytes;
    };
    const directory = findDirectory(read, fileBytes, broken);
    const listed = readDirectory(directory, read, broken);
    const entries = new Map<string, ZipEntry>();
    for (const entry of listed) {
      if (entries.has(entry.name)) throw broken(`it has two entries of the name ${entry.name}`);
      entries.set(entry.name, {
        offset: requireLocalHeader(entry, read, broken),
        bytes: entry.bytes,
        crc: entry.crc,
      });
    }
    requireApart(listed, entries, directory.offset, broken);
    for (const [name, entry] of entries) requireChecksum(name, entry, read, broken);
    return entries;
  } finally {
    closeSync(file);
  }
}

/** No byte belongs to two entries, or to an entry and the directory behind them. */
function requireApart(
  listed: readonly DirectoryEntry[],
  entries: ReadonlyMap<string, ZipEntry>,
  directoryAt: number,
  broken: Broken,
): void {
  const sorted = [...listed].sort((a, b) => a.headerAt - b.headerAt);
  for (const [i, { name }] of sorted.entries()) {
    const { offset, bytes } = entries.get(name) as ZipEntry;
    const next = sorted[i + 1];
    const [limit, what] = next === undefined ? [directoryAt, 'directory'] : [next.headerAt, `entry ${next.name}`];
    if (offset + bytes > limit)
      throw broken(`its entry ${name} lies at ${offset}..${offset + bytes}, its ${what} begins at ${limit}`);
  }
}

function requireChecksum(name: string, { offset, bytes, crc }: ZipEntry, read: ReadPart, broken: Broken): void {
  let found = 0;
  for (let done = 0; done < bytes; done += CHUNK_BYTES)
    found = crc32(read(offset + done, Math.min(CHUNK_BYTES, bytes - done)), found);
  if (found !== crc)
    throw broken(`its entry ${name} is damaged: the CRC-32 is ${hex(found)}, the directory says ${hex(crc)}`);
}

const hex = (value: number): string => value.toString(16).padStart(8, '0');
