// BoundedFile: a file that somebody names, or that lies in a folder from elsewhere, read as far as was said beforehand.
// Its kind and its size are known before a byte is read or allocated: a device never ends, a FIFO blocks, and a file of
// any size is quickly made. What the bytes mean is the business of who reads them.
import { closeSync, constants, fstatSync, openSync, readSync, type Stats, statSync } from 'node:fs';
import { DataError } from './errors.js';

/** How far a file is read. */
export interface FileLimit {
  readonly maxBytes: number;
  /** What to do where a file has more bytes than that; a sentence. */
  readonly remedy: string;
}

/** For files that describe something (JSON, YAML, headers): far above any real one, far below what harms. */
export const DESCRIPTION_BYTES = 16 * 2 ** 20;

/** A writer at the other end of a FIFO is never waited for, and a terminal never becomes the one of this process. */
const READ = constants.O_RDONLY | (constants.O_NONBLOCK ?? 0) | (constants.O_NOCTTY ?? 0);

/** The system reads no more than 2 GiB by one call. */
const MOST_AT_ONCE = 2 ** 30;

/**
 * Opens a regular file for reading: `file` is its descriptor, which the caller closes, `bytes` its size now. Throws
 * PT_NOT_A_FILE for anything else, and passes on what the system says of a path that cannot be opened (ENOENT, ...).
 */
export function openRegularFile(path: string): { readonly file: number; readonly bytes: number } {
  // Before it is opened: opening alone rewinds a tape. Afterwards once more: it may be another one by then.
  requireRegular(path, statSync(path));
  const file = openSync(path, READ);
  try {
    const stat = fstatSync(file);
    requireRegular(path, stat);
    return { file, bytes: stat.size };
  } catch (error) {
    closeSync(file);
    throw error;
  }
}

/**
 * The whole content of a regular file of at most so many bytes. Throws PT_NOT_A_FILE or PT_FILE_TOO_LARGE, and passes
 * on what the system says.
 */
export function readBoundedFile(path: string, limit: FileLimit): Buffer {
  const { file, bytes } = openRegularFile(path);
  try {
    requireSize(path, bytes, limit);
    // One byte more shows whether the file has grown meanwhile; some tell 0 bytes and have content (/proc).
    let content = Buffer.allocUnsafeSlow(bytes + 1);
    let length = 0;
    for (;;) {
      const read = readSync(file, content, length, Math.min(content.length - length, MOST_AT_ONCE), null);
      if (read === 0) return content.subarray(0, length);
      length += read;
      if (length < content.length) continue;
      requireSize(path, length, limit);
      content = Buffer.concat([content], Math.min(2 * length, limit.maxBytes) + 1);
    }
  } finally {
    closeSync(file);
  }
}

/** The first so many bytes of a regular file, or all where it has fewer. Throws as `readBoundedFile` does. */
export function readFileStart(path: string, maxBytes: number): Buffer {
  const { file, bytes } = openRegularFile(path);
  try {
    const content = Buffer.allocUnsafeSlow(Math.min(bytes, maxBytes));
    for (let length = 0; length < content.length;) {
      const read = readSync(file, content, length, Math.min(content.length - length, MOST_AT_ONCE), null);
      if (read === 0) return content.subarray(0, length);
      length += read;
    }
    return content;
  } finally {
    closeSync(file);
  }
}

/** As `readBoundedFile`, as text; bytes that are not UTF-8 become the replacement character. */
export const readBoundedText = (path: string, limit: FileLimit): string =>
  readBoundedFile(path, limit).toString('utf8');

function requireSize(path: string, bytes: number, { maxBytes, remedy }: FileLimit): void {
  if (bytes > maxBytes)
    throw new DataError('PT_FILE_TOO_LARGE', `${path} has ${bytes} bytes; at most ${maxBytes} are read`, remedy);
}

function requireRegular(path: string, stat: Stats): void {
  if (!stat.isFile())
    throw new DataError(
      'PT_NOT_A_FILE',
      `${path} is ${kindOf(stat)}, not a file`,
      'Name a file that lies on a disk; what a program prints is written to one first.',
    );
}

function kindOf(stat: Stats): string {
  if (stat.isDirectory()) return 'a folder';
  if (stat.isFIFO()) return 'a pipe';
  if (stat.isSocket()) return 'a socket';
  return 'a device';
}
