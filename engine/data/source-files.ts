// SourceFiles: reads the files of one data set, unpacks gzip, and keeps the digest of what it read. It does not know
// what the bytes mean.
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { basename } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { DataError } from '../core/errors.js';

/** Largest size a gzip file may unpack to; far above any data set that fits in memory as we hold it. */
const MAX_UNPACKED_BYTES = 2 ** 32 - 1;

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
    'check the path after the colon of --data; it is relative to the current folder',
  );

export class SourceFiles {
  readonly #digests: { name: string; hex: string }[] = [];

  /**
   * The bytes of a file, unpacked where it is gzip. Throws PT_DATA_MISSING, PT_DATA_UNREADABLE, PT_DATA_EMPTY or
   * PT_DATA_GZIP.
   */
  read(path: string): Buffer {
    let raw: Buffer;
    try {
      raw = readFileSync(path);
    } catch (error) {
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
    const isGzip = raw[0] === 0x1f && raw[1] === 0x8b;
    if (!isGzip && !path.endsWith('.gz')) return raw;
    try {
      return gunzipSync(raw, { maxOutputLength: MAX_UNPACKED_BYTES });
    } catch (error) {
      throw new DataError(
        'PT_DATA_GZIP',
        `${path} is not a whole gzip file (${raw.length} bytes): ${(error as Error).message}`,
        'download it again, or unpack it yourself and drop the .gz',
        { cause: error },
      );
    }
  }

  /** The text of a UTF-8 file without its byte order mark. Throws PT_DATA_ENCODING besides the errors of `read`. */
  readText(path: string): string {
    const bytes = this.read(path);
    try {
      return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
    } catch (error) {
      throw new DataError('PT_DATA_ENCODING', `${path} is not UTF-8 text`, 'convert it, e.g. with iconv -t UTF-8', {
        cause: error,
      });
    }
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
}
