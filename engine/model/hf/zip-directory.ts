// ZipDirectory: the headers of a zip file: the record at its end, also the one of 64 bits, the central directory, and
// the header before each entry. It reads what they say and refuses contradictions; contents are not its business.
export type Broken = (why: string) => Error;

/** Reads so many bytes of the file, or throws. */
export type ReadPart = (offset: number, length: number) => Buffer;

/** What the central directory says of an entry. */
export interface DirectoryEntry {
  readonly name: string;
  /** Bytes from the start of the file to the header before the content. */
  readonly headerAt: number;
  readonly bytes: number;
  readonly crc: number;
  readonly flags: number;
}

export interface DirectoryPlace {
  readonly count: number;
  readonly bytes: number;
  readonly offset: number;
}

const END = 0x06054b50;
const END_BYTES = 22;
const END_64 = 0x06064b50;
const END_64_BYTES = 56;
const LOCATOR_64 = 0x07064b50;
const LOCATOR_64_BYTES = 20;
const CENTRAL = 0x02014b50;
const CENTRAL_BYTES = 46;
const LOCAL = 0x04034b50;
const LOCAL_BYTES = 30;
/** Kind of the extra field with numbers of 64 bits. */
const EXTRA_64 = 0x0001;
/** "See the record of 64 bits." */
const SEE_64 = { count: 0xffff, bytes: 0xffffffff, offset: 0xffffffff } as const;
/** The end record may be followed by a comment of at most 64 KiB. */
const MOST_TAIL_BYTES = END_BYTES + 0xffff;
/** Encrypted, patched, strongly encrypted, and with a hidden directory. */
const UNREADABLE_FLAGS = 0x0001 | 0x0020 | 0x0040 | 0x2000;
/** Checksum and sizes follow the content; the header before it need not know them. */
const FOLLOWS = 0x0008;

/** Where the central directory lies. */
export function findDirectory(read: ReadPart, fileBytes: number, broken: Broken): DirectoryPlace {
  const endAt = findEnd(read, fileBytes, broken);
  const record = read(endAt, END_BYTES);
  const said = { count: record.readUInt16LE(10), bytes: record.readUInt32LE(12), offset: record.readUInt32LE(16) };
  const disks = [record.readUInt16LE(4), record.readUInt16LE(6)];
  if (disks.some((disk) => disk !== 0 && disk !== SEE_64.count) || record.readUInt16LE(8) !== said.count)
    throw broken('it is one of several parts of a zip file');
  const wide = readEnd64(read, endAt, broken);
  const place = wide?.place ?? said;
  for (const key of ['count', 'bytes', 'offset'] as const) {
    if (said[key] === SEE_64[key] && wide === null) throw broken('its record of 64 bits is missing');
    if (said[key] !== SEE_64[key] && said[key] !== place[key])
      throw broken(`its two end records differ: ${key} is ${said[key]} and ${place[key]}`);
  }
  const directoryEnd = wide?.at ?? endAt;
  if (place.offset + place.bytes !== directoryEnd)
    throw broken(`its directory lies at ${place.offset}..${place.offset + place.bytes}, not before ${directoryEnd}`);
  return place;
}

/** Where the end record lies: the last one whose comment is as long as what follows. */
function findEnd(read: ReadPart, fileBytes: number, broken: Broken): number {
  const tailBytes = Math.min(fileBytes, MOST_TAIL_BYTES);
  const tail = read(fileBytes - tailBytes, tailBytes);
  for (let end = tailBytes - END_BYTES; end >= 0; end--)
    if (tail.readUInt32LE(end) === END && end + END_BYTES + tail.readUInt16LE(end + 20) === tailBytes)
      return fileBytes - tailBytes + end;
  throw broken('it is no zip file, as PyTorch has written since version 1.6, or is cut off');
}

/** The end record of 64 bits, or null where there is none. */
function readEnd64(
  read: ReadPart,
  endAt: number,
  broken: Broken,
): { readonly at: number; readonly place: DirectoryPlace } | null {
  if (endAt < LOCATOR_64_BYTES) return null;
  const locator = read(endAt - LOCATOR_64_BYTES, LOCATOR_64_BYTES);
  if (locator.readUInt32LE(0) !== LOCATOR_64) return null;
  const at = Number(locator.readBigUInt64LE(8));
  const record = read(at, END_64_BYTES);
  const [first, second, count, total] = [
    record.readUInt32LE(16),
    record.readUInt32LE(20),
    record.readBigUInt64LE(24),
    record.readBigUInt64LE(32),
  ];
  if (record.readUInt32LE(0) !== END_64 || first !== 0 || second !== 0 || count !== total)
    throw broken(`its record of 64 bits at ${at} is damaged`);
  return {
    at,
    place: {
      count: Number(total),
      bytes: Number(record.readBigUInt64LE(40)),
      offset: Number(record.readBigUInt64LE(48)),
    },
  };
}

/** What the central directory lists, in its order. */
export function readDirectory(place: DirectoryPlace, read: ReadPart, broken: Broken): DirectoryEntry[] {
  const directory = read(place.offset, place.bytes);
  const entries: DirectoryEntry[] = [];
  let at = 0;
  for (let i = 0; i < place.count; i++) {
    const damaged = (): Error => broken(`entry ${i} of ${place.count} of its directory is damaged`);
    if (at + CENTRAL_BYTES > directory.length || directory.readUInt32LE(at) !== CENTRAL) throw damaged();
    const [nameBytes, extraBytes] = [directory.readUInt16LE(at + 28), directory.readUInt16LE(at + 30)];
    const nameAt = at + CENTRAL_BYTES;
    const end = nameAt + nameBytes + extraBytes + directory.readUInt16LE(at + 32);
    if (end > directory.length) throw damaged();
    const name = directory.toString('utf8', nameAt, nameAt + nameBytes);
    const flags = directory.readUInt16LE(at + 8);
    if ((flags & UNREADABLE_FLAGS) !== 0) throw broken(`its entry ${name} is encrypted or patched`);
    if (directory.readUInt16LE(at + 10) !== 0) throw broken(`its entry ${name} is compressed`);
    const extra = directory.subarray(nameAt + nameBytes, nameAt + nameBytes + extraBytes);
    const sizes = [directory.readUInt32LE(at + 24), directory.readUInt32LE(at + 20), directory.readUInt32LE(at + 42)];
    const [bytes = 0, stored = 0, headerAt = 0] = widened(sizes, extra, () => damaged());
    if (bytes !== stored) throw broken(`its entry ${name} has ${bytes} bytes, of which ${stored} are stored`);
    entries.push({ name, headerAt, bytes, crc: directory.readUInt32LE(at + 16), flags });
    at = end;
  }
  if (at !== directory.length)
    throw broken(`its directory has ${directory.length} bytes, its ${place.count} entries take ${at}`);
  return entries;
}

/** Numbers of 32 bits; those that say so stand in the extra field of 64 bits, in the same order. */
function widened(numbers: readonly number[], extra: Buffer, damaged: () => Error): number[] {
  if (!numbers.includes(SEE_64.bytes)) return [...numbers];
  let at = 0;
  while (at + 4 <= extra.length && extra.readUInt16LE(at) !== EXTRA_64) at += 4 + extra.readUInt16LE(at + 2);
  if (at + 4 > extra.length) throw damaged();
  const wide = extra.subarray(at + 4, at + 4 + extra.readUInt16LE(at + 2));
  let next = 0;
  return numbers.map((number) => {
    if (number !== SEE_64.bytes) return number;
    if (next + 8 > wide.length) throw damaged();
    const value = Number(wide.readBigUInt64LE(next));
    next += 8;
    if (!Number.isSafeInteger(value)) throw damaged();
    return value;
  });
}

/** Where the content begins: behind a header that says the same as the directory. */
export function requireLocalHeader(entry: DirectoryEntry, read: ReadPart, broken: Broken): number {
  const { name, headerAt, bytes, crc, flags } = entry;
  const header = read(headerAt, LOCAL_BYTES);
  if (header.readUInt32LE(0) !== LOCAL) throw broken(`its entry ${name} is damaged`);
  const [nameBytes, extraBytes] = [header.readUInt16LE(26), header.readUInt16LE(28)];
  const rest = read(headerAt + LOCAL_BYTES, nameBytes + extraBytes);
  const differs = (what: string): Error => broken(`${what} of its entry ${name} differs between header and directory`);
  if (rest.toString('utf8', 0, nameBytes) !== name) throw differs('the name');
  if (header.readUInt16LE(6) !== flags || header.readUInt16LE(8) !== 0) throw differs('the kind');
  const told = [header.readUInt32LE(22), header.readUInt32LE(18)];
  const [unpacked = 0, stored = 0] = widened(told, rest.subarray(nameBytes), () => differs('the size'));
  const isLater = (flags & FOLLOWS) !== 0;
  const agree = (here: number, there: number): boolean => here === there || (isLater && here === 0);
  if (!agree(unpacked, bytes) || !agree(stored, bytes)) throw differs('the size');
  if (!agree(header.readUInt32LE(14), crc)) throw differs('the checksum');
  return headerAt + LOCAL_BYTES + nameBytes + extraBytes;
}
