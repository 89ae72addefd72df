// MadeFolder: a folder that is there afterwards, and those above it. Not `mkdir` of Node with `recursive`: that never
// returns where a file system says of a folder in a folder that is there that there is none, as /proc does. What comes
// to lie in it is others' business.
import { mkdirSync, type Mode, statSync } from 'node:fs';
import { dirname } from 'node:path';

/**
 * Makes the folder and those above it, as far as they are not there; `mode` is that of all that are made. Throws the
 * error of the system; what was made on the way stays.
 */
export function makeFolder(path: string, mode: Mode = 0o777): void {
  const problem = tryMake(path, mode);
  if (problem === null) return;
  const parent = dirname(path);
  if (problem.code !== 'ENOENT' || parent === path) throw problem;
  makeFolder(parent, mode);
  const still = tryMake(path, mode);
  if (still !== null) throw still;
}

/** Null where the folder is there now. */
function tryMake(path: string, mode: Mode): NodeJS.ErrnoException | null {
  try {
    mkdirSync(path, { mode });
    return null;
  } catch (error) {
    // Systems differ in what they say of a folder that is there already: where it is one, nothing is wrong.
    if (isFolder(path)) return null;
    return error as NodeJS.ErrnoException;
  }
}

function isFolder(path: string): boolean {
  try {
    return statSync(path).isDirectory();
  } catch {
    return false;
  }
}
