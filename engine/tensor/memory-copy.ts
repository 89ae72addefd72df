// MemoryCopy: whole files of shared memory written or read in one go, without mapping them: for a copy that is made
// once, mapping, the faults of its pages and unmapping take several times as long as the copy. Who may write when is
// agreed elsewhere, as with mapped files.
import { closeSync, constants, existsSync, fstatSync, readSync, unlinkSync, write } from 'node:fs';
import { promisify } from 'node:util';
import { WorkerError } from '../core/errors.js';
import { openOwn } from '../core/own-file.js';
import { creationError, isShortage, memoryFileError, noRoom, requireRoom, systemCode } from './memory-room.js';

/** Numbers, and the file that they are copied to. */
export interface MemoryCopy {
  readonly path: string;
  readonly data: Float32Array;
}

/**
 * Copies numbers to files of exactly their length, which are made where they do not exist. Fewer than `leastBytes` are
 * followed by zeros, since no file of shared memory is empty. Threads of the system copy, all files at once, while this
 * one goes on: what is copied must not change before the promise is settled, and nothing is under way afterwards.
 * Rejects with a WorkerError: PT_SHM_FULL where there is no room for all of them, PT_SHM_FILE for anything else.
 */
export async function writeMemory(copies: readonly MemoryCopy[], leastBytes: number): Promise<void> {
  const fresh = copies.filter(({ path }) => !existsSync(path));
  const [first] = fresh;
  if (first !== undefined)
    requireRoom(
      first.path,
      fresh.reduce((sum, { data }) => sum + Math.max(leastBytes, data.byteLength), 0),
    );
  const written = await Promise.allSettled(copies.map((copy) => writeFile(copy, leastBytes)));
  for (const one of written) if (one.status === 'rejected') throw one.reason;
}

const writePart = promisify(write);

async function writeFile({ path, data }: MemoryCopy, leastBytes: number): Promise<void> {
  const isNew = !existsSync(path);
  const own = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  const bytes = own.length >= leastBytes ? own : new Uint8Array(leastBytes);
  if (bytes !== own) bytes.set(own);
  const file = isNew ? createFile(path, bytes.length) : openFile(path, constants.O_RDWR, 'cannot be written');
  try {
    const { size } = fstatSync(file);
    if (!isNew && size !== bytes.length)
      throw memoryFileError(path, `has ${size} bytes, ${bytes.length} are to be written`, undefined);
    for (let done = 0; done < bytes.length;)
      done += (await writePart(file, bytes, done, bytes.length - done, done)).bytesWritten;
  } catch (error) {
    if (isNew) unlinkSync(path);
    if (error instanceof WorkerError) throw error;
    throw isShortage(systemCode(error))
      ? noRoom(path, bytes.length)
      : memoryFileError(path, 'cannot be written', error);
  } finally {
    closeSync(file);
  }
}

/**
 * Fills `into` from byte `offset` of a file on. Throws a WorkerError (PT_SHM_FILE) where that fails or the file is too
 * short.
 */
export function readMemory(path: string, offset: number, into: Float32Array): void {
  const bytes = new Uint8Array(into.buffer, into.byteOffset, into.byteLength);
  const file = openFile(path, constants.O_RDONLY, 'cannot be opened');
  try {
    for (let done = 0; done < bytes.length;) {
      const count = readSync(file, bytes, done, bytes.length - done, offset + done);
      if (count === 0)
        throw memoryFileError(
          path,
          `has ${fstatSync(file).size} bytes, ${offset + bytes.length} are needed`,
          undefined,
        );
      done += count;
    }
  } finally {
    closeSync(file);
  }
}

function createFile(path: string, bytes: number): number {
  try {
    return openOwn(path, constants.O_RDWR | constants.O_CREAT | constants.O_EXCL);
  } catch (error) {
    throw creationError(path, bytes, error);
  }
}

function openFile(path: string, flags: number, what: string): number {
  try {
    return openOwn(path, flags);
  } catch (error) {
    throw memoryFileError(path, what, error);
  }
}
