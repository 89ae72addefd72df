// FindTorch: the PyTorch that is installed on this machine: its folder and its version, read from its files. Nothing of
// it is loaded or run here, and no GPU is looked for.
import { existsSync, readdirSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { env } from 'node:process';
import { readFileStart } from '../../core/bounded-file.js';
import { UsageError } from '../../core/errors.js';
import { askPython, type PythonAnswer } from './ask-python.js';

export interface TorchFolder {
  /** That of the package: `lib` in it holds the libraries, `torchgen` beside it the schemas. */
  readonly folder: string;
  /** As the package tells it, e.g. `2.11.0+cu130`. */
  readonly version: string;
  /** What led there: `PIPETRAIN_TORCH`, `VIRTUAL_ENV`, `CONDA_PREFIX` or `python3`. */
  readonly from: string;
}

/** What of this process decides which PyTorch is found. */
export interface TorchHost {
  /** Variables of the environment. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Where `python3` would take torch from; asked where no variable leads to one. */
  readonly askPython: () => PythonAnswer;
}

/**
 * What Python answered, for the workers that this process starts and for its own next question; the answer takes a
 * fifth of a second.
 */
const ANSWER_VARIABLE = 'PIPETRAIN_TORCH_OF_PYTHON';
/** Names a folder: of the package, of an environment for Python, or one that pip was given as its target. */
const OWN_VARIABLE = 'PIPETRAIN_TORCH';
/** Set by what activates an environment for Python. */
const ENVIRONMENTS = ['VIRTUAL_ENV', 'CONDA_PREFIX'] as const;

/** The first version whose C interface takes lists and strings. */
const FLOOR = [2, 10] as const;
const FLOOR_TEXT = FLOOR.join('.');
/** The files that tell a version are shorter. */
const VERSION_BYTES = 2 ** 16;

const LIBRARY =
  process.platform === 'win32'
    ? 'torch_cpu.dll'
    : process.platform === 'darwin'
      ? 'libtorch_cpu.dylib'
      : 'libtorch_cpu.so';

/**
 * The PyTorch of this machine: that of PIPETRAIN_TORCH, else of the active environment (VIRTUAL_ENV, CONDA_PREFIX),
 * else of the `python3` on the path. Throws a UsageError (PT_DEVICES) that says what was looked at where there is none,
 * where PIPETRAIN_TORCH leads to none, and where the first one found is too old.
 */
export function findTorch(host: TorchHost = { env, askPython: askOnce }): TorchFolder {
  const own = host.env[OWN_VARIABLE];
  if (own !== undefined && own !== '') return ownTorch(own);
  const looked: string[] = [];
  for (const variable of ENVIRONMENTS) {
    const root = host.env[variable];
    if (root === undefined || root === '') continue;
    const folder = torchBelow(root);
    if (folder !== null)
      return recent(folder, variable, `Run: ${join(root, 'bin', 'python')} -m pip install --upgrade torch`);
    looked.push(`${variable} (${root}): it has no torch`);
  }
  const answer = host.askPython();
  const where = 'python3';
  if ('folder' in answer && isTorch(answer.folder))
    return recent(answer.folder, where, 'Run: python3 -m pip install --upgrade torch');
  looked.push(`${where}: ${'folder' in answer ? `${answer.folder} has no lib/${LIBRARY}` : answer.reason}`);
  throw new UsageError(
    'PT_DEVICES',
    `PyTorch is not found. Looked at: ${looked.join('; ')}`,
    'Run: python3 -m venv ~/torch && ~/torch/bin/pip install torch; then set PIPETRAIN_TORCH=~/torch ' +
      '(or name the folder of one that is installed).',
  );
}

function askOnce(): PythonAnswer {
  const known = env[ANSWER_VARIABLE];
  if (known !== undefined) return { folder: known };
  const answer = askPython();
  if ('folder' in answer) env[ANSWER_VARIABLE] = answer.folder;
  return answer;
}

/** Whoever names a folder means that one: no other takes its place. */
function ownTorch(root: string): TorchFolder {
  const folder = torchBelow(resolve(root));
  if (folder === null)
    throw new UsageError(
      'PT_DEVICES',
      `${OWN_VARIABLE} is ${root}, which holds no PyTorch (no lib/${LIBRARY} there, in torch, or in site-packages)`,
      'Name the folder that this prints: python3 -c "import torch; print(torch.__path__[0])"; or unset ' +
        `${OWN_VARIABLE}.`,
    );
  return recent(folder, OWN_VARIABLE, `Name a newer one, or unset ${OWN_VARIABLE}`);
}

function recent(folder: string, from: string, remedy: string): TorchFolder {
  const version = versionOf(folder);
  if (version === null)
    throw new UsageError(
      'PT_DEVICES',
      `the PyTorch of ${from} (${folder}) does not tell its version; at least ${FLOOR_TEXT} is needed`,
      `${remedy}.`,
    );
  const [major = 0, minor = 0] = version.split('.').map((part) => Number.parseInt(part, 10));
  if (major < FLOOR[0] || (major === FLOOR[0] && minor < FLOOR[1]))
    throw new UsageError(
      'PT_DEVICES',
      `the PyTorch of ${from} (${folder}) is ${version}; at least ${FLOOR_TEXT} is needed`,
      `${remedy}.`,
    );
  return { folder, version, from };
}

/** The package below a folder: it itself, or where pip puts it in a target or in an environment. */
function torchBelow(root: string): string | null {
  const lib = join(root, 'lib');
  const inside = namesIn(lib)
    .filter((name) => /^python3\.\d+t?$/.test(name))
    .map((name) => join(lib, name, 'site-packages', 'torch'));
  return [root, join(root, 'torch'), ...inside].find(isTorch) ?? null;
}

const isTorch = (folder: string): boolean => existsSync(join(folder, 'lib', LIBRARY));

/** From the package's own file, or from what pip wrote down beside it; null where neither tells. */
function versionOf(folder: string): string | null {
  const parent = dirname(folder);
  const notes = namesIn(parent)
    .filter((name) => /^torch-\d.*\.dist-info$/.test(name))
    .map((name) => join(parent, name, 'METADATA'));
  const read = (file: string, pattern: RegExp): string | null =>
    existsSync(file) ? (pattern.exec(readFileStart(file, VERSION_BYTES).toString('utf8'))?.[1] ?? null) : null;
  const own = read(join(folder, 'version.py'), /^__version__ = ['"](\d+\.\d+[^'"\s]*)['"]/m);
  return own ?? notes.map((file) => read(file, /^Version: (\d+\.\d+\S*)/m)).find((version) => version !== null) ?? null;
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder).sort();
  } catch {
    // Not there, or closed to this process: nothing is found in it.
    return [];
  }
}
