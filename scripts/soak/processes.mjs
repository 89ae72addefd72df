// Whether processes are alive.
import { readFileSync } from 'node:fs';

/**
 * Alive, and not only waiting to be asked for its exit code.
 * @param {number} pid
 */
export function isAlive(pid) {
  try {
    process.kill(pid, 0);
    return !/^\d+ \(.*\) Z/.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return false;
  }
}
