// PyTorch's side as a process that takes turns.
import { spawn, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { parseJson } from '../lab/json.mjs';

/** @typedef {import('./cases.mjs').Case} Case */
/** @typedef {{ ms: number[], loss: number, peakMb: number, error?: never } | { error: string }} Turn */

/**
 * The Python that a folder of PyTorch belongs to and that can import it; null with a reason where there is none.
 * @param {string} folder
 * @returns {{ path: string } | { reason: string }}
 */
export function pythonOf(folder) {
  const own = join(dirname(dirname(dirname(dirname(folder)))), 'bin', 'python');
  const path = existsSync(own) ? own : 'python3';
  const found = spawnSync(path, ['-c', 'import torch; print(torch.__path__[0])'], { encoding: 'utf8' });
  if (found.status !== 0) return { reason: `${path} cannot import torch` };
  return found.stdout.trim() === folder ? { path } : { reason: `${path} imports another torch` };
}

/**
 * @param {string} python
 * @param {Case} measured
 * @param {'cpu' | 'cuda'} device
 */
export function startTheirs(python, { kind, sizes, V, S }, device) {
  const spec = JSON.stringify({ kind, sizes, V, S, device });
  const child = spawn(python, [join(import.meta.dirname, 'theirs.py'), spec], { stdio: ['pipe', 'pipe', 'ignore'] });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const answer = async () => {
    const line = /** @type {IteratorResult<string, undefined>} */ (await lines.next());
    return line.done === true ? { error: 'the process ended' } : /** @type {Turn} */ (parseJson(line.value));
  };
  child.stdin.on('error', () => undefined); // its end says more
  const ready = answer();
  return {
    /** @type {(precision: string, compiled: boolean, steps: number) => Promise<Turn>} */
    turn: async (precision, compiled, steps) => {
      await ready;
      child.stdin.write(`${JSON.stringify({ precision, compiled, steps })}\n`);
      return answer();
    },
    stop: () => child.kill(),
  };
}
