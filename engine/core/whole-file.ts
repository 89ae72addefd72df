// WholeFile: a file that is written whole or not at all. A reader never sees half of it, a process that is killed
// leaves the one before, and nobody can have prepared the place where it is made. Readers and names are others'
// business.
import { randomBytes } from 'node:crypto';
import {
  closeSync,
  constants,
  fchmodSync,
  fsyncSync,
  type Mode,
  openSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';

/** It must be new, and is followed nowhere. */
const NEW_FILE = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | (constants.O_NOFOLLOW ?? 0);

export interface WholeFileOptions {
  /** Where given, the file has exactly this mode whatever the user's mask is; default: what new files have. */
  readonly mode?: Mode;
  /** Whether it may be gone after the machine lost power; default: no. */
  readonly isKeepsake?: boolean;
}

/**
 * Writes the file in place of the one that is there; of `data` that come in pieces one is held at a time. Throws the
 * error of the system; nothing is left then.
 */
export function writeWholeFile(
  path: string,
  data: string | Uint8Array | Generator<string | Uint8Array>,
  options: WholeFileOptions = {},
): void {
  const { mode, isKeepsake = false } = options;
  const draft = `${path}.${randomBytes(8).toString('hex')}.tmp`;
  const file = openSync(draft, NEW_FILE, mode ?? 0o666);
  try {
    try {
      if (mode !== undefined) fchmodSync(file, mode);
      const pieces = typeof data === 'string' || data instanceof Uint8Array ? [data] : data;
      for (const piece of pieces) writeFileSync(file, piece);
      if (!isKeepsake) fsyncSync(file);
    } finally {
      closeSync(file);
    }
    renameSync(draft, path);
  } catch (error) {
    rmSync(draft, { force: true });
    throw error;
  }
}
