// A Python with PyTorch: a given one, or one in an environment made for the purpose with what the package index offers.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/**
 * An interpreter that has PyTorch, or why there is none; `remove` undoes what was made for it.
 * @typedef {{ path: string, remove: () => void } | { path?: never, reason: string, remove: () => void }} Python
 */

/** Options of benchmarks that have PyTorch beside them, for `parseArgs`. */
export const PYTHON_OPTIONS = /** @type {const} */ ({
  /** An interpreter that has PyTorch. */
  python: { type: 'string' },
  /** An environment to use; made where it does not exist, and kept. */
  venv: { type: 'string', default: process.env.PIPETRAIN_BENCH_VENV },
  /** Measures our own side alone. */
  'ours-only': { type: 'boolean', default: false },
});

/**
 * Whether a command ends with 0.
 * @param {string} command
 * @param {readonly string[]} args
 */
export const succeeds = (command, args) => spawnSync(command, args, { encoding: 'utf8' }).status === 0;

/** @param {string} path */
export const hasTorch = (path) => succeeds(path, ['-c', 'import torch']);

const keep = () => undefined;

/**
 * The Python that the options ask for; without --python and --venv one in a temporary folder. Says where there is none.
 * @param {{ python?: string | undefined, venv?: string | undefined, 'ours-only': boolean }} options
 * @returns {Python}
 */
export function findPython({ python, venv, 'ours-only': isAlone }) {
  const found = isAlone
    ? { reason: '--ours-only', remove: keep }
    : python !== undefined
      ? given(python)
      : environment(venv);
  if (found.path === undefined) console.error(`PyTorch cannot be had: ${found.reason}. Only our own side is measured.`);
  return found;
}

/**
 * @param {string} path
 * @returns {Python}
 */
const given = (path) =>
  hasTorch(path)
    ? { path, remove: keep }
    : { reason: 'the Python given by --python cannot import torch', remove: keep };

/**
 * @param {string | undefined} folder
 * @returns {Python}
 */
function environment(folder) {
  const place = folder ?? mkdtempSync(join(tmpdir(), 'pipetrain-bench-'));
  const remove = folder === undefined ? () => rmSync(place, { recursive: true, force: true }) : keep;
  const path = join(place, process.platform === 'win32' ? 'Scripts/python.exe' : 'bin/python');
  if (existsSync(path) && hasTorch(path)) return { path, remove };
  console.error(
    `Installing PyTorch into ${place}; this may take some minutes (--venv FOLDER keeps it for the next time) ...`,
  );
  if (!succeeds('python3', ['-m', 'venv', place]))
    return { reason: 'python3 with the module venv is needed to install it', remove };
  const { status, stderr } = spawnSync(path, ['-m', 'pip', 'install', '--quiet', '--retries', '2', 'torch', 'numpy'], {
    encoding: 'utf8',
  });
  const lastLine = stderr.trim().split('\n').at(-1) ?? '';
  if (status !== 0)
    return {
      reason: `the package index PyPI cannot be reached or has no PyTorch for this Python (${lastLine})`,
      remove,
    };
  return hasTorch(path) ? { path, remove } : { reason: 'what pip installed cannot be imported', remove };
}
