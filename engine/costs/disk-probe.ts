// The disk probe: how fast a folder's disk gives back what was just written, as the cache uses it. A figure for plans:
// what the system still holds in memory reads faster than a disk that has to move, and prefetching hides part of
// either.
import { randomUUID } from 'node:crypto';
import { closeSync, fdatasyncSync, openSync, readSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';

const BYTES = 4 * 2 ** 20;
const RUNS = 3;

/** Milliseconds to read 10^6 bytes; Infinity where the disk does not take them. */
export function measureDisk(folder: string): number {
  // A name that nobody has: the folder may be one that others write, too.
  const path = join(folder, `pipetrain-probe-${randomUUID()}`);
  try {
    const file = openSync(path, 'wx+', 0o600);
    try {
      const data = new Uint8Array(BYTES).fill(1);
      writeSync(file, data, 0, BYTES, 0);
      fdatasyncSync(file);
      let best = Infinity;
      for (let run = 0; run < RUNS; run++) {
        const begin = performance.now();
        readSync(file, data, 0, BYTES, 0);
        best = Math.min(best, performance.now() - begin);
      }
      return (best * 1e6) / BYTES;
    } finally {
      closeSync(file);
      rmSync(path, { force: true });
    }
  } catch {
    // The cache says later, and by name, what is wrong with the disk; here it only counts as one that does not pay.
    return Infinity;
  }
}
