// MemoryFolder: a folder in shared memory, or for what does not fit there on a disk. The coordinator makes it for its
// workers, removes it, and sweeps away those of coordinators that died.
import { randomBytes } from 'node:crypto';
import {
  accessSync,
  constants,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statfsSync,
  writeFileSync,
} from 'node:fs';
import { freemem } from 'node:os';
import { join } from 'node:path';
import { messageOf, UsageError, WorkerError } from '../core/errors.js';
import { sharedMemoryFolder } from '../tensor/mapped-file.js';

const PREFIX = 'pipetrain-';
/** A file with random text: who can read it has this very memory before it, whatever its host is called. */
const PROBE = 'probe';

export class MemoryFolder {
  readonly path: string;
  /** Random text that lies in the folder. */
  readonly probe = randomBytes(16).toString('hex');

  /**
   * `parent` is where it is made; default: shared memory. Throws a UsageError (PT_MEMORY_DIR) where that cannot be
   * written.
   */
  constructor(parent: string = sharedMemoryFolder()) {
    try {
      accessSync(parent, constants.W_OK | constants.X_OK);
    } catch (cause) {
      throw new UsageError(
        'PT_MEMORY_DIR',
        `--memory-dir ${parent} is no folder that can be written: ${messageOf(cause)}`,
        'Name a folder on a file system in memory (tmpfs), or leave it to the default.',
        { cause },
      );
    }
    sweep(parent);
    this.path = join(parent, `${PREFIX}${process.pid}-${randomBytes(4).toString('hex')}`);
    mkdirSync(this.path, { mode: 0o700 });
    writeFileSync(join(this.path, PROBE), this.probe, { mode: 0o600 });
  }

  /** Throws a WorkerError (PT_SHM_FULL) where there is not room for `bytes`; asked before anything large is made. */
  require(bytes: number, what: string): void {
    const { bavail, bsize } = statfsSync(this.path);
    const free = Math.min(bavail * bsize, freemem());
    if (bytes > free)
      throw new WorkerError(
        'PT_SHM_FULL',
        `${what} needs at least ${bytes} bytes of shared memory, ${free} bytes are free`,
        'Use a smaller model, free memory, or enlarge /dev/shm (containers: --shm-size).',
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
    for (const name of readdirSync(this.path)) if (name.startsWith(`${worker}.`)) this.remove(join(this.path, name));
  }

  close(): void {
    rmSync(this.path, { recursive: true, force: true });
  }
}

/**
 * The folder whose probe has this text, or null where this process cannot see it: it is on another host, in another
 * container or belongs to somebody else. The text is compared, never made part of a path: it may come from a network.
 */
export function findMemoryFolder(probe: string, parent: string = sharedMemoryFolder()): string | null {
  for (const name of readdirSync(parent)) {
    if (!name.startsWith(PREFIX)) continue;
    try {
      if (readFileSync(join(parent, name, PROBE), 'utf8') === probe) return join(parent, name);
    } catch {
      // A folder of somebody else, or one that goes away just now.
    }
  }
  return null;
}

/** Removes the folders of processes that are gone: a killed coordinator cannot clean up after itself. */
function sweep(parent: string): void {
  for (const name of readdirSync(parent)) {
    const pid = Number(new RegExp(`^${PREFIX}(\\d+)-[0-9a-f]{8}$`).exec(name)?.[1]);
    if (Number.isInteger(pid) && !isAlive(pid)) rmSync(join(parent, name), { recursive: true, force: true });
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // EPERM: it lives and belongs to somebody else.
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
