// Leftovers: folders in shared memory, or for a cache on a disk, whose makers are gone: a killed coordinator cannot
// clean up after itself. What belongs to somebody else is left alone, and what a living process holds the lock of, in
// whatever container it lives; a number of a process says neither.
import { createHash, randomBytes } from 'node:crypto';
import { lstatSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { foreignFolder } from '../core/own-file.js';
import { FileLock } from '../tensor/file-lock.js';

export const PREFIX = 'pipetrain-';
/** Held by the process that made the folder, for as long as it lives. */
export const LOCK = 'lock';

/** Number of the process that made it (for people), system, random part. */
const NAME = new RegExp(`^${PREFIX}\\d+-(?:([0-9a-f]{8})-)?[0-9a-f]{8}$`);
/**
 * A file system may be shared with another system, which may not tell this one of its locks; after so long without a
 * new file in it, a folder of a system that was or is elsewhere is a leftover all the same.
 */
const FOREIGN_AGE_MS = 7 * 24 * 3_600_000;

/** A name that nobody has. */
export const newName = (): string => `${PREFIX}${process.pid}-${thisSystem()}-${randomBytes(4).toString('hex')}`;

/** Removes the leftovers in a folder. Never throws: what cannot be looked at or removed is not in the way. */
export function sweep(parent: string): void {
  for (const name of namesIn(parent)) {
    const system = NAME.exec(name)?.[1];
    if (NAME.test(name)) removeLeftover(join(parent, name), system ?? thisSystem());
  }
}

/** Names in a folder; none where it cannot be read. */
export function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

function removeLeftover(folder: string, system: string): void {
  try {
    if (foreignFolder(folder) !== null) return;
    if (system !== thisSystem() && Date.now() - lstatSync(folder).mtimeMs < FOREIGN_AGE_MS) return;
    // Where there is none it is made: whoever makes this folder just now meets it, and takes another name.
    const lock = FileLock.take(join(folder, LOCK), 0o600);
    if (!(lock instanceof FileLock)) return;
    try {
      rmSync(folder, { recursive: true, force: true });
    } finally {
      lock.release();
    }
  } catch {
    // Somebody else sweeps, too, or it is damaged in a way that needs a person.
  }
}

/** Tells systems apart that may share a file system: by their boot, where they tell it. */
function thisSystem(): string {
  let text: string;
  try {
    text = readFileSync('/proc/sys/kernel/random/boot_id', 'latin1');
  } catch {
    text = hostname();
  }
  return createHash('sha256').update(text).digest('hex').slice(0, 8);
}
