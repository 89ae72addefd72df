// AskPython: where the `python3` on the path would import torch from, without importing it: that takes seconds, and
// runs code of the package. Python is asked once, while a run starts, and does not take part in it.
import { spawnSync } from 'node:child_process';
import { isAbsolute } from 'node:path';

/** What Python said: a folder of torch, or why there is none. */
export type PythonAnswer = { readonly folder: string } | { readonly reason: string };

/** A cold Python on a slow disk takes a second. */
const PATIENCE_MS = 10_000;
const MOST_BYTES = 2 ** 16;
/** Tells the answer from what a Python prints of itself when it starts. */
const MARK = 'torch lies in: ';
const QUESTION = `
import importlib.util as u
spec = u.find_spec('torch')
places = list(spec.submodule_search_locations or []) if spec else []
print('\\n${MARK}' + (places[0] if places else ''))
`;

/** Asks `python3`, or another one by its path; never longer than `patienceMs`. */
export function askPython(python = 'python3', patienceMs = PATIENCE_MS): PythonAnswer {
  const { error, status, signal, stdout } = spawnSync(python, ['-c', QUESTION], {
    // Python looks into the working folder first, and what lies there is anybody's.
    cwd: '/',
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
    timeout: patienceMs,
    killSignal: 'SIGKILL',
    maxBuffer: MOST_BYTES,
  });
  const reason = error === undefined ? endOf(status, signal) : failureOf(error, patienceMs);
  if (reason !== null) return { reason };
  const line = stdout.split('\n').findLast((text) => text.startsWith(MARK));
  if (line === undefined) return { reason: 'it says something else than where torch lies' };
  const folder = line.slice(MARK.length).trim();
  if (folder === '') return { reason: 'it has no torch' };
  return isAbsolute(folder) ? { folder } : { reason: 'it says something else than where torch lies' };
}

const endOf = (status: number | null, signal: string | null): string | null =>
  status === 0 ? null : signal === null ? `it ended with code ${status}` : `it was killed by ${signal}`;

function failureOf(error: NodeJS.ErrnoException, patienceMs: number): string {
  if (error.code === 'ENOENT') return 'there is none on the path';
  if (error.code === 'ETIMEDOUT') return `it did not answer within ${patienceMs / 1000} s`;
  if (error.code === 'ENOBUFS') return 'it says something else than where torch lies';
  return `it cannot be started (${error.code ?? error.message})`;
}
