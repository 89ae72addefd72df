// DerivedFile: a file that a command makes from a run: in its folder, where it replaces the one from before, or where
// `--out` says, where nothing may be. It does not know what is in it.
import { lstatSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { DataError, messageOf, PipetrainError, UsageError } from '../../engine/core/errors.js';
import { makeFolder } from '../../engine/core/made-folder.js';
import { writeWholeFile } from '../../engine/core/whole-file.js';
import type { RunFolder } from '../../engine/run/run-folder.js';

/**
 * Writes `pieces` to `out`, or as `name` into the folder of the run; returns the path. Throws a UsageError
 * (PT_OUT_IN_USE) where `out` is there, a DataError (PT_OUT_FILE) where the file cannot be written.
 */
export function writeDerivedFile(
  folder: RunFolder,
  { out, name }: { readonly out: string | undefined; readonly name: string },
  pieces: Generator<string | Uint8Array>,
): string {
  if (out !== undefined && lstatSync(out, { throwIfNoEntry: false }) !== undefined)
    throw new UsageError('PT_OUT_IN_USE', `${out} exists already`, 'Name a new file with --out.');
  const path = out ?? join(folder.path, name);
  try {
    if (out === undefined) makeFolder(dirname(path));
    writeWholeFile(path, pieces);
  } catch (cause) {
    // What is wrong with the run itself is not the file's fault.
    if (cause instanceof PipetrainError) throw cause;
    throw new DataError(
      'PT_OUT_FILE',
      `${path} cannot be written: ${messageOf(cause)}`,
      'Check free space and permissions, or name another file with --out.',
      { cause },
    );
  }
  return path;
}
