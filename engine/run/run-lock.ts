// RunLock: the one process that writes into a run folder, for as long as it lives. The kernel holds the lock between
// processes of one machine; between machines that share the folder, and where there are no such locks, a sign of life
// in the file speaks for its owner. It guards the folder; it does not know what is in it.
import { randomUUID } from 'node:crypto';
import { ftruncateSync, readFileSync, rmSync, statSync, writeFileSync, writeSync } from 'node:fs';
import { hostname } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { DataError, messageOf, UsageError } from '../core/errors.js';
import { FileLock, type LockRefusal } from '../tensor/file-lock.js';

const BEAT_MS = 10_000;
/** A sign of life is believed for so long: longer than a process of a busy machine stands still. */
const BELIEVED_MS = 60_000;
/** Where there are no locks, whoever wrote last has the folder, and waits for so long to see who that is. */
const SETTLE_MS = 500;
/** What `Holder` takes, and more. */
const MOST_BYTES = 4096;

const holderSchema = z.object({
  pid: z.number().int(),
  host: z.string().max(256),
  /** Equal for all containers of a machine, and another one after it was started anew. */
  machine: z.string().max(256),
  since: z.string().max(40),
  command: z.string().max(40),
  nonce: z.string().max(40),
});
type Holder = z.infer<typeof holderSchema>;

export class RunLock {
  readonly #path: string;
  readonly #holder: Holder;
  /** Null where the system has no locks. */
  readonly #lock: FileLock | null;
  readonly #beat: NodeJS.Timeout;
  readonly #onExit = (): void => this.release();
  #isHeld = true;

  private constructor(path: string, holder: Holder, lock: FileLock | null) {
    this.#path = path;
    this.#holder = holder;
    this.#lock = lock;
    this.#write();
    this.#beat = setInterval(() => this.#write(), BEAT_MS).unref();
    process.on('exit', this.#onExit);
  }

  /**
   * Takes the folder `run` by the file `path` in it; `command` tells others what this process does. Rejects with a
   * UsageError (PT_RUN_HELD) where another process has it, a DataError (PT_RUN_FOLDER) where it cannot be written.
   */
  static async take(path: string, run: string, command: string): Promise<RunLock> {
    const holder = ownHolder(command);
    const lock = tryLock(path, run, 0o644);
    try {
      const other = holderBeside(path, run, lock, holder);
      if (other !== null) throw runHeld(run, other);
      const taken = new RunLock(path, holder, lock instanceof FileLock ? lock : null);
      if (taken.#lock !== null) return taken;
      await sleep(SETTLE_MS);
      const last = readHolder(path);
      if (last?.nonce === holder.nonce) return taken;
      taken.#stop();
      throw runHeld(run, { holder: last, ageMs: 0 });
    } catch (error) {
      if (lock instanceof FileLock) lock.release();
      throw error;
    }
  }

  /** Gives the folder back; nothing of the lock stays. Never throws: it is called while the process ends, too. */
  release(): void {
    if (!this.#isHeld) return;
    this.#stop();
    try {
      if (this.#lock !== null || readHolder(this.#path)?.nonce === this.#holder.nonce)
        rmSync(this.#path, { force: true });
    } catch {
      // What stays names a process that is gone.
    }
    this.#lock?.release();
  }

  #stop(): void {
    this.#isHeld = false;
    clearInterval(this.#beat);
    process.off('exit', this.#onExit);
  }

  /** The time of the file, as its file system tells it, is the sign of life. */
  #write(): void {
    const text = `${JSON.stringify(this.#holder)}\n`;
    try {
      if (this.#lock === null) writeFileSync(this.#path, text);
      else {
        writeSync(this.#lock.file, text, 0);
        ftruncateSync(this.#lock.file, Buffer.byteLength(text));
      }
    } catch {
      // A disk that is full for a while; the lock itself holds.
    }
  }
}

/** Throws a UsageError (PT_RUN_HELD) where another process writes into the folder `run`. Takes nothing for itself. */
export function requireNotHeld(path: string, run: string): void {
  const lock = tryLock(path, run, null);
  try {
    const other = lock === 'absent' ? null : holderBeside(path, run, lock, ownHolder(''));
    if (other !== null) throw runHeld(run, other);
  } finally {
    if (lock instanceof FileLock) lock.release();
  }
}

interface OtherHolder {
  /** Null where what it wrote cannot be read. */
  readonly holder: Holder | null;
  /** Since its last sign of life, where only that speaks for it; else null. */
  readonly ageMs: number | null;
}

/** Who else has the folder, as far as can be told, or null. */
function holderBeside(path: string, run: string, lock: FileLock | LockRefusal, own: Holder): OtherHolder | null {
  const holder = readHolder(path);
  if (lock === 'busy') return { holder, ageMs: null };
  if (holder === null) return null;
  const isHere = holder.machine === own.machine;
  // The kernel of this machine knows better than any file.
  if (isHere && (lock instanceof FileLock || !isAlive(holder.pid))) return null;
  const ageMs = guarded(run, () => ageOf(path));
  return ageMs < BELIEVED_MS ? { holder, ageMs } : null;
}

function tryLock(path: string, run: string, create: number | null): FileLock | LockRefusal {
  return guarded(run, () => FileLock.take(path, create));
}

function readHolder(path: string): Holder | null {
  try {
    return statSync(path).size > MOST_BYTES ? null : holderSchema.parse(JSON.parse(readFileSync(path, 'utf8')));
  } catch {
    // Half written, or by nobody: whoever holds the kernel's lock holds it all the same.
    return null;
  }
}

/** Milliseconds since the file was written, by the clock of its file system: that of another machine may be wrong. */
function ageOf(path: string): number {
  const probe = `${path}.${randomUUID()}`;
  try {
    writeFileSync(probe, '', { flag: 'wx' });
    return statSync(probe).mtimeMs - statSync(path).mtimeMs;
  } finally {
    rmSync(probe, { force: true });
  }
}

function ownHolder(command: string): Holder {
  return {
    pid: process.pid,
    host: hostname(),
    machine: machine(),
    since: new Date().toISOString(),
    command,
    nonce: randomUUID(),
  };
}

function machine(): string {
  try {
    return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
  } catch {
    return hostname();
  }
}

/** Whether a process has this number; one of another user has it too. */
function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}

function runHeld(run: string, { holder, ageMs }: OtherHolder): UsageError {
  const who =
    holder === null
      ? 'another process'
      : `process ${holder.pid} on ${holder.host}, since ${holder.since} (${holder.command})`;
  const sign = ageMs === null ? '' : `; its last sign of life is ${Math.max(0, Math.round(ageMs / 1000))} s old`;
  const gone =
    ageMs === null ? '' : ` If that process is gone, try again after ${BELIEVED_MS / 1000} s without a sign of life.`;
  return new UsageError(
    'PT_RUN_HELD',
    `the run folder ${run} is being written by ${who}${sign}`,
    `\`pipetrain status ${run}\` tells how it stands. Wait for its end, or stop it with Ctrl-C or SIGTERM: it saves ` +
      `first, and can be resumed then.${gone}`,
  );
}

function guarded<T>(run: string, action: () => T): T {
  try {
    return action();
  } catch (error) {
    throw new DataError(
      'PT_RUN_FOLDER',
      `the run folder ${run} cannot be locked: ${messageOf(error)}`,
      'Check free space and permissions, or name another folder with --out.',
      { cause: error },
    );
  }
}
