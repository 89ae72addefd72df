// MemoryRoom: whether a file of shared memory fits, and making sure that it does. A page that cannot be had when it is
// touched kills the process, so it is asked for before. The files themselves are mapped-file.ts and memory-copy.ts.
import { statfsSync, type StatsFs, writeSync } from 'node:fs';
import { dirname } from 'node:path';
import { getSystemErrorName } from 'node:util';
import { freeMemory } from '../core/allowance.js';
import { WorkerError } from '../core/errors.js';
import { systemCalls } from './system-calls.js';

const CHUNK_BYTES = 1 << 20;
/** `statfs` types of file systems that lie in memory. */
const TMPFS = 0x01021994;
const RAMFS = 0x858458f6;
const HUGETLBFS = 0x958458f6;

/**
 * Gives the file the blocks of a part of it, and the size that takes. Throws a WorkerError (PT_SHM_FULL) where there is
 * no room, PT_SHM_FILE for anything else.
 */
export function reserve(path: string, file: number, offset: number, bytes: number): void {
  // Asked first: reserving more memory than there is would wake the kernel's out-of-memory killer before it fails.
  requireRoom(path, bytes);
  const problem = process.platform === 'linux' ? allocate(file, offset, bytes) : fill(file, bytes);
  if (problem !== null)
    throw isShortage(problem)
      ? noRoom(path, bytes)
      : memoryFileError(path, `cannot get ${bytes} bytes: ${problem}`, undefined);
}

/** Throws a WorkerError (PT_SHM_FULL) where `bytes` more do not fit beside `path`. */
export function requireRoom(path: string, bytes: number): void {
  if (bytes > freeBytes(path)) throw noRoom(path, bytes);
}

/** Whether an error of the system says that there is no room. */
export const isShortage = (code: unknown): boolean => code === 'ENOSPC' || code === 'EDQUOT';

export function noRoom(path: string, bytes: number): WorkerError {
  const folder = dirname(path);
  if (freeFiles(folder) === 0)
    return new WorkerError(
      'PT_SHM_FULL',
      `${path} wants a file of ${bytes} bytes, and the file system of ${folder} has no room for more files (inodes)`,
      'Name another folder with --memory-dir, or allow more files (mount -o remount,nr_inodes=100k).',
    );
  return new WorkerError(
    'PT_SHM_FULL',
    `${path} wants ${bytes} bytes of shared memory, ${folder} has ${freeBytes(path)} bytes free`,
    'Free or enlarge it (containers: --shm-size; else: mount -o remount,size=8G /dev/shm), or lower the ' +
      'cache size, the batch or the replicas.',
  );
}

/** What it means that a file of `bytes` bytes could not be made: PT_SHM_FULL or PT_SHM_FILE. */
export const creationError = (path: string, bytes: number, cause: unknown): WorkerError =>
  isShortage(systemCode(cause)) ? noRoom(path, bytes) : memoryFileError(path, 'cannot be created', cause);

/** How many more files the file system of a folder takes; Infinity where it has no such limit. */
export function freeFiles(folder: string): number {
  const { files, ffree } = statfsSync(folder);
  // File systems that make their inodes as they need them say that they have none.
  return files === 0 ? Infinity : ffree;
}

/** Whether a folder lies in memory: on another file system every page that is written goes to a disk in the end. */
export const isInMemory = (folder: string): boolean =>
  process.platform !== 'linux' || [TMPFS, RAMFS, HUGETLBFS].includes(statfsSync(folder).type);

export function memoryFileError(path: string, what: string, cause: unknown): WorkerError {
  const detail = cause instanceof Error ? `: ${cause.message}` : '';
  return new WorkerError(
    'PT_SHM_FILE',
    `Shared memory file ${path} ${what}${detail}`,
    'Check that the folder exists and is writable, and that no file of an earlier run is in the way.',
    cause === undefined ? undefined : { cause },
  );
}

/** The code of an error of the system, e.g. `ENOENT`; null for other errors. */
export function systemCode(error: unknown): string | null {
  return error instanceof Error && 'code' in error ? String(error.code) : null;
}

/** What the file system still takes; where it lies in memory, no more than memory that is available. */
function freeBytes(path: string): number {
  const { bavail, bsize, type } = folderStat(path);
  return Math.min(bavail * bsize, type === TMPFS ? freeMemory() : Infinity);
}

function allocate(file: number, offset: number, bytes: number): string | null {
  for (;;) {
    const code = systemCalls().fallocate(file, offset, bytes);
    if (code === 0) return null;
    const name = getSystemErrorName(-code);
    if (name !== 'EINTR') return name;
  }
}

/** For systems without posix_fallocate: only writing makes sure of the blocks. */
function fill(file: number, bytes: number): string | null {
  const zeros = new Uint8Array(Math.min(bytes, CHUNK_BYTES));
  try {
    for (let done = 0; done < bytes;) done += writeSync(file, zeros, 0, Math.min(zeros.length, bytes - done), done);
    return null;
  } catch (error) {
    return systemCode(error) ?? String(error);
  }
}

/** Throws a WorkerError (PT_SHM_FILE) where the folder of the file is gone. */
function folderStat(path: string): StatsFs {
  try {
    return statfsSync(dirname(path));
  } catch (error) {
    throw memoryFileError(path, 'cannot be made', error);
  }
}
