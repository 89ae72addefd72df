// WholeFile: a file of a checkpoint, read as the plain file that it must be. Whatever else has its name (a folder, a
// pipe, a link to nothing) is an error of the system or one that says what it is; nothing waits and nothing is skipped.
import { createHash } from 'node:crypto';
import { closeSync, constants, fstatSync, openSync, readFileSync, readSync } from 'node:fs';

const CHUNK_BYTES = 1 << 20;

/** All bytes of a file. */
export const readWhole = (path: string): Buffer => withFile(path, (file) => readFileSync(file));

/** The SHA-256 of a file, and its length. */
export function hashWhole(path: string): { readonly bytes: number; readonly sha256: string } {
  return withFile(path, (file) => {
    const hash = createHash('sha256');
    const chunk = Buffer.alloc(CHUNK_BYTES);
    let bytes = 0;
    for (let count = -1; count !== 0; bytes += count) {
      count = readSync(file, chunk, 0, chunk.length, bytes);
      hash.update(chunk.subarray(0, count));
    }
    return { bytes, sha256: hash.digest('hex') };
  });
}

function withFile<T>(path: string, use: (file: number) => T): T {
  // Opening a pipe would wait for somebody at its other end.
  const file = openSync(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0));
  try {
    if (!fstatSync(file).isFile()) throw new Error('it is no plain file');
    return use(file);
  } finally {
    closeSync(file);
  }
}
