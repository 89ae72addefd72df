// Zip files made by hand, with what is wrong about them. Not a test.
import { crc32 } from '../../engine/comm/crc32.js';

/** Numbers as they are to be written instead of the right ones. */
export interface ZipWish {
  readonly name: string;
  readonly content: Uint8Array;
  readonly flags?: number;
  readonly method?: number;
  /** Of both headers. */
  readonly crc?: number;
  readonly localName?: string;
  readonly localBytes?: number;
  readonly localCrc?: number;
  readonly storedBytes?: number;
  /** Where the directory says that the entry begins. */
  readonly headerAt?: number;
}

function local({ name, content, flags = 0, method = 0, ...wish }: ZipWish): Buffer {
  const header = Buffer.alloc(30);
  const localName = Buffer.from(wish.localName ?? name);
  header.writeUInt32LE(0x04034b50, 0);
  header.writeUInt16LE(flags, 6);
  header.writeUInt16LE(method, 8);
  header.writeUInt32LE(wish.localCrc ?? wish.crc ?? crc32(content), 14);
  header.writeUInt32LE(wish.localBytes ?? content.length, 18);
  header.writeUInt32LE(wish.localBytes ?? content.length, 22);
  header.writeUInt16LE(localName.length, 26);
  return Buffer.concat([header, localName, content]);
}

/** `isWide`: sizes and places stand in extra fields of 64 bits. */
function central({ name, content, flags = 0, method = 0, ...wish }: ZipWish, at: number, isWide: boolean): Buffer {
  const header = Buffer.alloc(46);
  const extra = Buffer.alloc(isWide ? 28 : 0);
  const sizes = [content.length, wish.storedBytes ?? content.length, wish.headerAt ?? at];
  header.writeUInt32LE(0x02014b50, 0);
  header.writeUInt16LE(flags, 8);
  header.writeUInt16LE(method, 10);
  header.writeUInt32LE(wish.crc ?? crc32(content), 16);
  for (const [i, place] of [24, 20, 42].entries()) header.writeUInt32LE(isWide ? 0xffffffff : (sizes[i] ?? 0), place);
  header.writeUInt16LE(Buffer.from(name).length, 28);
  header.writeUInt16LE(extra.length, 30);
  if (isWide) {
    extra.writeUInt16LE(1, 0);
    extra.writeUInt16LE(24, 2);
    for (const [i, size] of sizes.entries()) extra.writeBigUInt64LE(BigInt(size), 4 + 8 * i);
  }
  return Buffer.concat([header, Buffer.from(name), extra]);
}

/** A zip file; `count` is what its end says instead of the number of entries. */
export function zipFile(entries: readonly ZipWish[], { isWide = false, count = entries.length } = {}): Buffer {
  const parts: Buffer[] = [];
  const directory: Buffer[] = [];
  let at = 0;
  for (const entry of entries) {
    const part = local(entry);
    directory.push(central(entry, at, isWide));
    parts.push(part);
    at += part.length;
  }
  const listed = Buffer.concat(directory);
  const end = Buffer.alloc(22);
  end.writeUInt32LE(0x06054b50, 0);
  end.writeUInt16LE(isWide ? 0xffff : count, 8);
  end.writeUInt16LE(isWide ? 0xffff : count, 10);
  end.writeUInt32LE(isWide ? 0xffffffff : listed.length, 12);
  end.writeUInt32LE(isWide ? 0xffffffff : at, 16);
  return Buffer.concat([...parts, listed, ...(isWide ? [wideEnd(count, listed.length, at)] : []), end]);
}

/** The end record of 64 bits and its locator. */
function wideEnd(count: number, bytes: number, at: number): Buffer {
  const record = Buffer.alloc(76);
  record.writeUInt32LE(0x06064b50, 0);
  record.writeBigUInt64LE(44n, 4);
  for (const [place, value] of [
    [24, count],
    [32, count],
    [40, bytes],
    [48, at],
    [64, at + bytes],
  ] as const)
    record.writeBigUInt64LE(BigInt(value), place);
  record.writeUInt32LE(0x07064b50, 56);
  record.writeUInt32LE(1, 72);
  return record;
}
