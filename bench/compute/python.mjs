// A Python with PyTorch: a given one, or one in an environment made for the purpose with what the package index offers.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export const succeeds = (command, args) => spawnSync(command, args, { encoding: 'utf8' }).status === 0;
const hasTorch = (path) => succeeds(path, ['-c', 'import torch']);

/**
 * `python`: an interpreter that has PyTorch. `folder`: an environment to use, made there if it does not exist, and
 * kept. Without either: one in a temporary folder, removed by `remove`. Returns {path, remove}, or {reason, remove}
 * where there is no PyTorch to be had.
 */
export function findPython({ python, folder }) {
  const keep = () => undefined;
  if (python !== undefined) {
    return hasTorch(python)
      ? { path: python, remove: keep }
      : { reason: `the Python given by --python cannot import torch`, remove: keep };
  }
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
  const lastLine = (stderr ?? '').trim().split('\n').at(-1) ?? '';
  if (status !== 0)
    return {
      reason: `the package index PyPI cannot be reached or has no PyTorch for this Python (${lastLine})`,
      remove,
    };
  return hasTorch(path) ? { path, remove } : { reason: 'what pip installed cannot be imported', remove };
}
