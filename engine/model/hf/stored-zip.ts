// StoredZip: where the entries of an uncompressed zip file begin, which is how PyTorch lays out weights. It unpacks
// nothing; files above 4 GB, which need the zip64 extension, are refused.
import { closeSync, readSync } from 'node:fs';
import { DESCRIPTION_BYTES, openRegularFile } from '../../core/bounded-file.js';

export interface ZipEntry {
  /** Bytes from the start of the file to the content. */
  readonly offset: number;
  readonly bytes: number;
}

const END = 0x06054b50;
const CENTRAL = 0x02014b50;
const LOCAL = 0x04034b50;
const END_BYTES = 22;
const CENTRAL_BYTES = 46;
const LOCAL_BYTES = 30;
/** The end record may be followed by a comment of at most 64 KiB. */
const MOST_TAIL_BYTES = END_BYTES + 0xffff;

/** The entries by name. Throws what `broken` makes of the reason where the file is no such zip file. */
export function readStoredZip(path: string, broken: (why: string) => Error): Map<string, ZipEntry> {
  const { file, bytes: fileBytes } = openRegularFile(path);
  try {
    const read = (offset: number, length: number): Buffer => {
      if (offset < 0 || offset + length > fileBytes) throw broken(`no ${length} bytes at ${offset} of ${fileBytes}`);
      if (length > DESCRIPTION_BYTES)
        throw broken(`${length} bytes describe its entries, at most ${DESCRIPTION_BYTES} are read`);
      const bytes = Buffer.alloc(length);
      if (readSync(file, bytes, 0, length, offset) !== length)
        throw broken(`no ${length} bytes at ${offset} of ${fileBytes}`);
      return bytes;
    };
    const tailBytes = Math.min(fileBytes, MOST_TAIL_BYTES);
    const tail = read(fileBytes - tailBytes, tailBytes);
    let end = tailBytes - END_BYTES;
    while (end >= 0 && tail.readUInt32LE(end) !== END) end--;
    if (end < 0) throw broken('it is no zip file, as PyTorch has written since version 1.6');
    const [count, directoryBytes, directoryOffset] = [
      tail.readUInt16LE(end + 10),
      tail.readUInt32LE(end + 12),
      tail.readUInt32LE(end + 16),
    ];
    if (count === 0xffff || directoryOffset === 0xffffffff)
      throw broken('it is a zip file of more than 4 GB or 65534 entries');
    const directory = read(directoryOffset, directoryBytes);
    const entries = new Map<string, ZipEntry>();
    for (let at = 0, i = 0; i < count; i++) {
      if (at + CENTRAL_BYTES > directory.length || directory.readUInt32LE(at) !== CENTRAL)
        throw broken(`entry ${i} of ${count} of its directory is damaged`);
      const nameBytes = directory.readUInt16LE(at + 28);
      const name = directory.toString('utf8', at + CENTRAL_BYTES, at + CENTRAL_BYTES + nameBytes);
      const isStored = directory.readUInt16LE(at + 10) === 0;
      const bytes = directory.readUInt32LE(at + 24);
      const local = read(directory.readUInt32LE(at + 42), LOCAL_BYTES);
      if (local.readUInt32LE(0) !== LOCAL) throw broken(`its entry ${name} is damaged`);
      if (!isStored) throw broken(`its entry ${name} is compressed`);
      const offset = directory.readUInt32LE(at + 42) + LOCAL_BYTES + local.readUInt16LE(26) + local.readUInt16LE(28);
      if (offset + bytes > fileBytes)
        throw broken(`its entry ${name} lies at ${offset}..${offset + bytes} of ${fileBytes}`);
      entries.set(name, { offset, bytes });
      at += CENTRAL_BYTES + nameBytes + directory.readUInt16LE(at + 30) + directory.readUInt16LE(at + 32);
    }
    return entries;
  } finally {
    closeSync(file);
  }
}
