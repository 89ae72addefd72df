// SharedFolder: the memory folder of a run or of a host as those see it who did not make it: told by its path where the
// path came from whoever started them, else found by random text. It is used only where it is this user's alone.
import { closeSync, constants, fstatSync, readSync } from 'node:fs';
import { join } from 'node:path';
import { memoryGone } from '../core/memory-gone.js';
import { foreignFolder, openOwn } from '../core/own-file.js';
import { sharedMemoryFolder } from '../tensor/mapped-file.js';
import { namesIn, PREFIX } from './leftovers.js';

/** A file with random text: who can read it has this very memory before it, whatever its host is called. */
export const PROBE = 'probe';
/** What a probe holds: 16 random bytes as text. */
export const PROBE_BYTES = 32;

/**
 * The folder whose probe has this text, or null where this process cannot see it: it is on another host, in another
 * container or belongs to somebody else. The text is compared, never made part of a path: it may come from a network.
 */
export function findMemoryFolder(probe: string, parent: string = sharedMemoryFolder()): string | null {
  for (const name of namesIn(parent))
    if (name.startsWith(PREFIX) && probeIn(join(parent, name)) === probe) return join(parent, name);
  return null;
}

/** Throws a WorkerError (PT_MEMORY_GONE) where the folder is not there, not this user's alone, or another one. */
export function requireMemoryFolder(path: string, probe: string): string {
  if (probeIn(path) === probe) return path;
  throw memoryGone(path, 'a worker that starts does not find it, or finds another one');
}

/** The random text in a folder of this user, or null. Whatever lies there, it is looked at without waiting. */
function probeIn(folder: string): string | null {
  try {
    if (foreignFolder(folder) !== null) return null;
    const file = openOwn(join(folder, PROBE), constants.O_RDONLY);
    try {
      if (fstatSync(file).size !== PROBE_BYTES) return null;
      const text = Buffer.alloc(PROBE_BYTES);
      return readSync(file, text, 0, PROBE_BYTES, 0) === PROBE_BYTES ? text.toString('latin1') : null;
    } finally {
      closeSync(file);
    }
  } catch {
    return null; // no folder of ours, or one that goes away just now
  }
}
