// FileLock: a file that one living process holds. The kernel keeps the lock for the open file and takes it back when
// the process is gone, however it went, so there are no stale locks: nobody asks whether a number is still a process,
// and it holds between containers that share the file. It says nothing of who holds it; that is for the holder to write
// down.
import { closeSync, constants, fstatSync, openSync, statSync } from 'node:fs';
import { getSystemErrorName } from 'node:util';
import { loadKoffi } from './native.js';
import { type SystemCalls, systemCalls } from './system-calls.js';

const LOCK_EX = 2;
const LOCK_NB = 4;
/** A file that is taken away while it is locked is made anew by the next one; more often than this is no accident. */
const ATTEMPTS = 20;

/**
 * Why there is no lock: another open file has it, there is no such file (where none is to be made), or the system or
 * the file system has no such locks.
 */
export type LockRefusal = 'busy' | 'absent' | 'unsupported';

export class FileLock {
  readonly path: string;
  /** Open for reading and writing as long as the lock is held. It is closed in every program that is started. */
  readonly file: number;
  #isHeld = true;

  private constructor(path: string, file: number) {
    this.path = path;
    this.file = file;
  }

  /**
   * Takes the lock, or says at once why not. The file is made where it is missing and `create` is given as a mode. A
   * link is not followed, and what is no plain file is refused. Throws the error of the system (`code`: EACCES, ELOOP,
   * EROFS, ...) where the file cannot be opened for writing.
   */
  static take(path: string, create: number | null): FileLock | LockRefusal {
    const calls = callsOrNull();
    if (calls === null) return 'unsupported';
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const file = open(path, create);
      if (file === null) return 'absent';
      let refusal: LockRefusal | null = null;
      try {
        refusal = lock(calls, path, file);
        // Whoever had it may have removed the file while we waited for it: then nobody else would ever see this lock.
        if (refusal === null && isNamed(path, file)) return new FileLock(path, file);
      } catch (error) {
        closeSync(file);
        throw error;
      }
      closeSync(file);
      if (refusal !== null) return refusal;
    }
    return 'busy';
  }

  /** Gives the lock back; the file stays, and may be removed before by whoever holds it. */
  release(): void {
    if (!this.#isHeld) return;
    this.#isHeld = false;
    closeSync(this.file);
  }
}

/** Null where there is no such file. */
function open(path: string, create: number | null): number | null {
  // Opening a pipe would wait for somebody at its other end.
  const flags =
    constants.O_RDWR | constants.O_NOFOLLOW | constants.O_NONBLOCK | (create === null ? 0 : constants.O_CREAT);
  try {
    return openSync(path, flags, create ?? undefined);
  } catch (error) {
    if (create === null && codeOf(error) === 'ENOENT') return null;
    throw error;
  }
}

function lock(calls: SystemCalls, path: string, file: number): LockRefusal | null {
  if (!fstatSync(file).isFile()) throw Object.assign(new Error(`${path} is no plain file`), { code: 'EINVAL' });
  for (;;) {
    if (calls.flock(file, LOCK_EX | LOCK_NB) === 0) return null;
    const code = getSystemErrorName(-loadKoffi().errno());
    if (code === 'EAGAIN' || code === 'EWOULDBLOCK') return 'busy';
    if (code !== 'EINTR') return 'unsupported';
  }
}

/** Whether the open file is still the one that the path names. */
function isNamed(path: string, file: number): boolean {
  const open = fstatSync(file, { bigint: true });
  const named = statSync(path, { bigint: true, throwIfNoEntry: false });
  return named !== undefined && named.ino === open.ino && named.dev === open.dev;
}

/** Null on a system, or with an installation, that has no such calls. */
function callsOrNull(): SystemCalls | null {
  try {
    return systemCalls();
  } catch {
    return null;
  }
}

const codeOf = (error: unknown): unknown => (error instanceof Error && 'code' in error ? error.code : null);
