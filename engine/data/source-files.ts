// SourceFiles: reads the files of one data set, unpacks gzip, and keeps the digest of what it read. It does not know
// what the bytes mean, but how many there may be.
import { isUtf8 } from 'node:buffer';
import { createHash } from 'node:crypto';
import { existsSync, statSync } from 'node:fs';
import { basename } from 'node:path';
import { constants, gunzipSync } from 'node:zlib';
import { type FileLimit, readBoundedFile, readFileStart } from '../core/bounded-file.js';
import { DataError, PipetrainError } from '../core/errors.js';
import { machineBytes } from '../core/memory-limit.js';

/**
 * Text is held as one string, of which Node.js makes none above 536,870,888 characters; every process of a run holds
 * its own, with the tokens that it becomes.
 */
export const TEXT_LIMIT: FileLimit = {
  maxBytes: Math.min(512e6, Math.floor(machineBytes() / 8)),
  remedy: 'Take a part of it, e.g. with head or split; of a text, the option maxBytes=N reads the beginning.',
};

/** Images are held as they are in the file. */
export const BINARY_LIMIT: FileLimit = {
  maxBytes: Math.min(2 ** 31, Math.floor(machineBytes() / 4)),
  remedy: 'Take a part of the set: files with fewer samples.',
};

/** Tokens of all samples, as they are held to be read: padding included. */
export const TOKENS_LIMIT = Math.min(2 ** 31, Math.floor(machineBytes() / 4));

/** The largest vocabularies in use, of 250,000 tokens in many languages, have 5 MB. */
export const VOCABULARY_LIMIT: FileLimit = {
  maxBytes: 16e6,
  remedy: 'A vocabulary has one token per line; check that it is the right file.',
};

/** So much of a gzip file is unpacked to see what its content says of itself: at most 4.2 MB come of it. */
const HEAD_BYTES = 4096;

/** Whether `path` is a folder. Throws PT_DATA_MISSING where there is nothing. */
export function isFolder(path: string): boolean {
  const stat = statSync(path, { throwIfNoEntry: false });
  if (stat === undefined) throw missing(path);
  return stat.isDirectory();
}

/** The first of the paths that exists, or null. */
export const firstExisting = (paths: readonly string[]): string | null =>
  paths.find((path) => existsSync(path)) ?? null;

const missing = (path: string): DataError =>
  new DataError(
    'PT_DATA_MISSING',
    `no such file or folder: ${path}`,
    'say where it is, relative to the current folder: with --data KIND:PATH, or in --data-options (vocab=FILE)',
  );

export class SourceFiles {
  readonly #digests: { name: string; hex: string }[] = [];

  /**
   * The bytes of a file, unpacked where it is gzip. `declaredBytes` tells from the beginning of the content how long
   * the whole says that it is, or null; more is not unpacked. Throws PT_DATA_MISSING, PT_DATA_UNREADABLE,
   * PT_DATA_EMPTY, PT_DATA_GZIP, PT_DATA_TRUNCATED, PT_FILE_TOO_LARGE or PT_NOT_A_FILE.
   */
  read(path: string, limit: FileLimit, declaredBytes: (head: Buffer) => number | null = () => null): Buffer {
    const raw = this.#raw(path, () => readBoundedFile(path, limit));
    const isGzip = raw[0] === 0x1f && raw[1] === 0x8b;
    if (!isGzip && !path.endsWith('.gz')) return raw;
    const declared = guarded(path, raw, () => declaredBytes(headOf(raw)));
    if (declared !== null && declared > limit.maxBytes)
      throw tooLarge(`${path} says that it unpacks to ${declared} bytes`, limit);
    return guarded(path, raw, () => unpack(path, raw, declared, limit));
  }

  /** The text of a UTF-8 file without its byte order mark. Throws PT_DATA_ENCODING besides the errors of `read`. */
  readText(path: string, limit: FileLimit = TEXT_LIMIT): string {
    return decoded(path, this.read(path, limit), false);
  }

  /** The beginning of a text that is not packed, of so many bytes; half a character at its end is left out. */
  readTextStart(path: string, maxBytes: number): string {
    return decoded(
      path,
      this.#raw(path, () => readFileStart(path, maxBytes)),
      true,
    );
  }

  /** As `digest`, of a file that somebody else read in pieces, and behind it those that were read here. */
  digestBehind(name: string, hex: string): string {
    this.#digests.unshift({ name, hex });
    return this.digest();
  }

  /**
   * SHA-256 of the one file read; of several, SHA-256 over a line `<sha256>  <name>` for each in the order of reading.
   */
  digest(): string {
    const [first] = this.#digests;
    if (first !== undefined && this.#digests.length === 1) return first.hex;
    return createHash('sha256')
      .update(this.#digests.map(({ name, hex }) => `${hex}  ${name}\n`).join(''))
      .digest('hex');
  }

  #raw(path: string, readIt: () => Buffer): Buffer {
    let raw: Buffer;
    try {
      raw = readIt();
    } catch (error) {
      if (error instanceof PipetrainError) throw error;
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') throw missing(path);
      throw new DataError(
        'PT_DATA_UNREADABLE',
        `cannot read ${path}: ${(error as Error).message}`,
        'check that it is a file and that you may read it',
        { cause: error },
      );
    }
    if (raw.length === 0)
      throw new DataError('PT_DATA_EMPTY', `${path} is empty (0 bytes)`, 'download or write it again');
    this.#digests.push({ name: basename(path), hex: createHash('sha256').update(raw).digest('hex') });
    return raw;
  }
}

function decoded(path: string, bytes: Buffer, stream: boolean): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes, { stream });
  } catch (error) {
    throw notUtf8(path, bytes, badLine(bytes), error);
  }
}

/** The error for a text with such bytes in a line. */
export function notUtf8(path: string, bytes: Buffer, line: number, cause: unknown): DataError {
  const isWide = (bytes[0] === 0xff && bytes[1] === 0xfe) || (bytes[0] === 0xfe && bytes[1] === 0xff);
  const [from, place] = isWide ? ['UTF-16', ''] : ['WINDOWS-1252', `:${line}`];
  return new DataError(
    'PT_DATA_ENCODING',
    `${path}${place} is not UTF-8 text`,
    `convert it, e.g. iconv -f ${from} -t UTF-8 ${path} > NEW` +
      (isWide ? '' : ', with the encoding that it has; in a spreadsheet, save it as "CSV UTF-8"'),
    { cause },
  );
}

/** The first line, from 1, with bytes that are not UTF-8. */
function badLine(bytes: Buffer): number {
  for (let line = 1, from = 0; ; line++) {
    const end = bytes.indexOf(0x0a, from);
    if (end < 0 || !isUtf8(bytes.subarray(from, end))) return line;
    from = end + 1;
  }
}

const headOf = (raw: Buffer): Buffer =>
  gunzipSync(raw.subarray(0, HEAD_BYTES), { finishFlush: constants.Z_SYNC_FLUSH });

function unpack(path: string, raw: Buffer, declared: number | null, limit: FileLimit): Buffer {
  const most = declared ?? limit.maxBytes;
  try {
    return gunzipSync(raw, { maxOutputLength: most });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ERR_BUFFER_TOO_LARGE') throw error;
    if (declared === null) throw tooLarge(`${path} (${raw.length} bytes) unpacks to more`, limit);
    throw new DataError(
      'PT_DATA_TRUNCATED',
      `${path} is longer than its header says: more than ${most} bytes (unpacked)`,
      'the download is damaged; get it again',
    );
  }
}

/** Turns what zlib throws into an error for a person. */
function guarded<T>(path: string, raw: Buffer, action: () => T): T {
  try {
    return action();
  } catch (error) {
    if (error instanceof PipetrainError) throw error;
    throw new DataError(
      'PT_DATA_GZIP',
      `${path} is not a whole gzip file (${raw.length} bytes): ${(error as Error).message}`,
      'download it again, or unpack it yourself and drop the .gz',
      { cause: error },
    );
  }
}

/** `what` has more than is read. */
export const tooLarge = (what: string, { maxBytes, remedy }: FileLimit): DataError =>
  new DataError('PT_FILE_TOO_LARGE', `${what}; at most ${maxBytes} bytes are read`, remedy);
