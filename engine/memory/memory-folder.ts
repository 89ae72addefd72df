// MemoryFolder: a folder in shared memory, or for what does not fit there on a disk, as the process has it that made
// it: this user's alone, locked for as long as that process lives, removed by it. Others find it by its probe
// (shared-folder.ts); folders whose makers are gone are swept away (leftovers.ts).
import { randomBytes } from 'node:crypto';
import { fstatSync, lstatSync, mkdirSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { freeMemory } from '../core/allowance.js';
import { isMemoryShortage } from '../core/conditions.js';
import { messageOf, UsageError, WorkerError } from '../core/errors.js';
import { makeFolder } from '../core/made-folder.js';
import { foreignFolder } from '../core/own-file.js';
import { FileLock, type LockRefusal } from '../tensor/file-lock.js';
import { MappedFile, sharedMemoryFolder } from '../tensor/mapped-file.js';
import { freeFiles, isInMemory, systemCode } from '../tensor/memory-room.js';
import { LOCK, namesIn, newName, sweep } from './leftovers.js';
import { PROBE, PROBE_BYTES } from './shared-folder.js';

/** Somebody who sweeps may meet a folder before it is locked; more often than this it is no accident. */
const ATTEMPTS = 5;
/** A page. */
const TRIAL_BYTES = 4096;

export class MemoryFolder {
  readonly path: string;
  /** Random text that lies in the folder. */
  readonly probe = randomBytes(PROBE_BYTES / 2).toString('hex');
  /** Null where the file system has no locks; then nobody sweeps there either. */
  #lock: FileLock | null = null;

  /**
   * `parent` is where it is made; default: shared memory. Throws a UsageError (PT_MEMORY_DIR) where no files can be
   * made there or none can be mapped, a WorkerError (PT_SHM_FULL) where it is full.
   */
  constructor(parent: string = sharedMemoryFolder()) {
    sweep(parent);
    let path = '';
    try {
      path = this.#make(parent);
      this.#fill(path);
    } catch (error) {
      this.#lock?.release();
      if (path !== '') rmSync(path, { recursive: true, force: true });
      if (isMemoryShortage(error)) throw error;
      throw new UsageError(
        'PT_MEMORY_DIR',
        `--memory-dir ${parent} cannot hold shared memory: ${messageOf(error)}`,
        'Name a folder on a file system in memory (tmpfs) that can be written, or leave it to the default.',
        { cause: error },
      );
    }
    this.path = path;
  }

  /** Whether nobody took the folder away, or what tells it from others. */
  get isThere(): boolean {
    try {
      return (
        foreignFolder(this.path) === null &&
        lstatSync(join(this.path, PROBE)).isFile() &&
        (this.#lock === null || fstatSync(this.#lock.file).nlink > 0)
      );
    } catch {
      return false;
    }
  }

  /** Whether it lies in memory; elsewhere training is as slow as a disk. */
  get isInMemory(): boolean {
    return isInMemory(this.path);
  }

  /**
   * Makes a folder that was taken away anew, empty, under the same name. Those that have mapped what lay in it keep
   * that. Throws what the file system says.
   */
  remake(): void {
    makeFolder(this.path, 0o700);
    this.#lock?.release();
    const lock = takeLockOf(this.path);
    if (lock === 'busy') throw new Error(`somebody else holds ${this.path}`);
    this.#lock = lock;
    rmSync(join(this.path, PROBE), { force: true });
    this.#fill(this.path);
  }

  /**
   * Throws a WorkerError (PT_SHM_FULL) where there is not room for `bytes` in `files` files; asked before anything
   * large is made.
   */
  require(bytes: number, files: number, what: string): void {
    const { bavail, bsize } = statfsSync(this.path);
    const free = Math.min(bavail * bsize, freeMemory());
    const hint = 'Use a smaller model, free memory, or enlarge /dev/shm (containers: --shm-size).';
    if (bytes > free)
      throw new WorkerError(
        'PT_SHM_FULL',
        `${what} needs at least ${bytes} bytes of shared memory, ${free} bytes are free`,
        hint,
      );
    const numFree = freeFiles(this.path);
    if (files > numFree)
      throw new WorkerError(
        'PT_SHM_FULL',
        `${what} needs at least ${files} files in shared memory, the file system of ${this.path} has room for ` +
          `${numFree} (inodes)`,
        'Name another folder with --memory-dir, or allow more files (mount -o remount,nr_inodes=100k).',
      );
  }

  /**
   * Removes one file (or folder) of the folder, if it is there. Whoever has it mapped keeps it until it is unmapped.
   */
  remove(file: string): void {
    rmSync(file, { recursive: true, force: true });
  }

  /** Removes what a worker that is gone left behind; a killed one cannot. */
  removeAllOf(worker: string): void {
    for (const name of namesIn(this.path)) if (name.startsWith(`${worker}.`)) this.remove(join(this.path, name));
  }

  /** Never throws: it may be called while the process ends. */
  close(): void {
    try {
      rmSync(this.path, { recursive: true, force: true });
    } catch {
      // Somebody put something else there, which is not ours to remove.
    }
    this.#lock?.release();
    this.#lock = null;
  }

  #make(parent: string): string {
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const path = join(parent, newName());
      mkdirSync(path, { mode: 0o700 });
      const lock = takeLockOf(path);
      if (lock === 'busy') continue;
      this.#lock = lock;
      return path;
    }
    throw new Error(`somebody takes away what is made in ${parent}`);
  }

  /** The probe, and a look whether files can be mapped here. Throws where the folder is not this user's alone. */
  #fill(path: string): void {
    const problem = foreignFolder(path);
    if (problem !== null) throw new Error(`${path}, just made, ${problem}`);
    writeFileSync(join(path, PROBE), this.probe, { flag: 'wx', mode: 0o600 });
    const trial = MappedFile.create(join(path, 'trial'), TRIAL_BYTES);
    trial.unlink();
    trial.close();
  }
}

/** Null where the file system has no locks; `busy` where somebody has it, or has removed the folder. */
function takeLockOf(folder: string): FileLock | 'busy' | null {
  try {
    const lock: FileLock | LockRefusal = FileLock.take(join(folder, LOCK), 0o600);
    return lock instanceof FileLock || lock === 'busy' ? lock : null;
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return 'busy';
    rmSync(folder, { recursive: true, force: true });
    throw error;
  }
}
