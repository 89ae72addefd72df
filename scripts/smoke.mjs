// Runs every benchmark, soak and check of scripts/ and bench/ with tiny sizes, one after the other, in a temporary
// folder: whether each still runs, not what it finds. One line each with its seconds; the whole output of those that
// failed, and exit code 1. What this machine lacks is skipped by name. Usage: npm run smoke [-- NAME...]
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { hasTorch } from '../bench/compute/python.mjs';
import { knownNames } from './lab/command-line.mjs';
import { parseJson } from './lab/json.mjs';
import { ROOT, started } from './lab/pipetrain.mjs';
import { findRealData } from './lab/real-data.mjs';
import { scratchFolder } from './lab/scratch.mjs';
import { stopwatch } from './lab/stopwatch.mjs';

/**
 * One thing to run.
 * @typedef {object} Trial
 * @property {readonly string[]} command Arguments of Node, from the checkout.
 * @property {boolean} [isBench] Takes --smoke and --results.
 * @property {boolean} [needsData] Real data.
 * @property {string} [leftOut] What is not tried, and why.
 */

const scratch = scratchFolder('smoke');
const data = findRealData();
const isTorchHere = hasTorch('python3');
const torch = isTorchHere ? ['--python', 'python3'] : ['--ours-only'];
const withoutTorch = isTorchHere ? {} : { leftOut: "PyTorch's side: python3 cannot import torch" };
const pretrained = 'cases with a pretrained model, which is fetched from PyPI';
const onData = ['--data', data ?? '', '--seeds', '1', '--out'];

/** @type {Readonly<Record<string, Trial>>} */
const TRIALS = {
  'bench:bubble': { isBench: true, command: ['bench/bubble/run.mjs'] },
  'bench:cache': { isBench: true, command: ['bench/cache/run.mjs'] },
  'bench:larger': { isBench: true, command: ['bench/larger/run.mjs'] },
  'bench:startup': { isBench: true, command: ['bench/startup/run.mjs'] },
  'bench:embedding': { isBench: true, command: ['bench/embedding/run.mjs'], leftOut: pretrained },
  'bench:parts': { isBench: true, command: ['bench/compute/parts.mjs', ...torch], ...withoutTorch },
  'bench:compute': { isBench: true, command: ['bench/compute/run.mjs', ...torch], ...withoutTorch },
  'bench:ablate': {
    isBench: true,
    needsData: true,
    command: ['bench/ablate/run.mjs', 'b', '--cases', 'baseline', ...onData, join(scratch, 'ablate')],
    leftOut: pretrained,
  },
  'bench:policies': {
    isBench: true,
    needsData: true,
    command: ['bench/policies/run.mjs', 'c', '--policies', 'none;auto', ...onData, join(scratch, 'policies')],
    leftOut: pretrained,
  },
  'bench:codecs': {
    isBench: true,
    needsData: true,
    command: ['bench/cache/accuracy.mjs', 'digits', ...onData, join(scratch, 'codecs')],
    leftOut: pretrained,
  },
  'bench:precision': {
    isBench: true,
    needsData: true,
    command: ['bench/precision/run.mjs', 'digits', 'shakespeare', ...onData, join(scratch, 'precision')],
    leftOut: pretrained,
  },
  soak: { command: ['scripts/soak.mjs', '--faults', '2', '--steps', '200', '--kinds', 'kill,slow'] },
  'soak:checkpoint': { command: ['scripts/soak-checkpoint.mjs', '--from', '30', '--every', '60'] },
  // Nothing has come to rest after so few steps.
  'soak:memory': {
    command: ['scripts/soak-memory.mjs', '--steps', '20', '--shapes', '6', '--allow-mb', '200'],
  },
  'soak:hosts': { command: ['scripts/soak-hosts.mjs', '--parts', 'apart', '--short', '400'] },
  'soak:long': { command: ['scripts/soak-long.mjs', '--steps', '600'] },
  'soak:hostile': { command: ['scripts/soak-hostile.mjs', '--steps', '100', '--lies', 'none'] },
  fuzz: {
    command: ['--expose-gc', 'scripts/fuzz.mjs', '--frames', '4000', '--sockets', '200', '--workers', '1'],
  },
  library: { command: ['scripts/library-examples.mjs'] },
  'soak:torch': { command: ['scripts/soak-torch.mjs', '--steps', '60'] },
  'prove:gpu': {
    command: [
      'scripts/prove-gpu.mjs',
      '--device',
      'torch-cpu',
      '--tiny',
      '--minutes',
      '3',
      '--parts',
      'conformance,elastic,steps,bits',
    ],
  },
  conformance: { command: ['scripts/conformance.mjs', '--only', 'ops/add_test,ops/mat_mul'] },
};

/**
 * Runs one trial, prints its line, and returns how it ended.
 * @param {string} name
 * @returns {Promise<'passed' | 'failed' | 'skipped'>}
 */
async function tried(name) {
  const { command, isBench = false, needsData = false, leftOut } = TRIALS[name] ?? { command: [] };
  const show = (/** @type {string} */ time, /** @type {string} */ text) =>
    console.log(`${name.padEnd(16)} ${time.padStart(7)}  ${text}`);
  if (needsData && data === null) {
    show('', 'skipped: no real data; PIPETRAIN_TEST_DATA names their folder');
    return 'skipped';
  }
  /** @type {string[]} */
  const lines = [];
  const results = join(scratch, name.replace(':', '-'));
  const watch = stopwatch();
  const { end, errors } = await started(
    process.execPath,
    [...command, ...(isBench ? ['--smoke', '--results', results] : [])],
    { onLine: (line) => lines.push(line) },
  ).ended;
  const time = `${watch.seconds().toFixed(1)} s`;
  const skipped = lines.find((line) => / skipped: /.test(line))?.replace(/^.* skipped: /, '');
  const hasResults = !isBench || skipped !== undefined || existsSync(results);
  const holds = end === 0 && hasResults;
  if (!holds) {
    show(time, `FAILED, ended with ${end}${hasResults ? '' : ' and wrote no results'}`);
    console.log([...lines, errors].join('\n'));
    return 'failed';
  }
  if (skipped !== undefined) {
    show(time, `skipped: ${skipped}`);
    return 'skipped';
  }
  show(time, leftOut === undefined ? 'ok' : `ok; left out: ${leftOut}`);
  return 'passed';
}

process.chdir(ROOT);
const { positionals } = parseArgs({ allowPositionals: true });
const names = knownNames('script', positionals, TRIALS);
const scripts = /** @type {{ scripts: Record<string, string> }} */ (
  parseJson(readFileSync(join(ROOT, 'package.json'), 'utf8'))
).scripts;
const forgotten = Object.keys(scripts).filter((name) => /^(bench:|soak|prove:)/.test(name) && !(name in TRIALS));
const watch = stopwatch();
/** @type {{ passed: string[], failed: string[], skipped: string[] }} */
const ended = { passed: [], failed: forgotten.map((name) => `${name} has no trial here`), skipped: [] };
for (const name of names) ended[await tried(name)].push(name);
console.log(`${names.length} scripts in ${watch.seconds().toFixed(0)} s`);
const { passed, failed, skipped } = ended;
if (failed.length > 0) console.log(`smoke FAILED: ${failed.join(', ')}`);
console.log(`smoke: ${passed.length} passed, ${failed.length} failed, ${skipped.length} skipped`);
process.exitCode = failed.length > 0 ? 1 : 0;
