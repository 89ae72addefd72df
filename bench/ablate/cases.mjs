// The cases on real data that several benchmarks train: what they are, and the arguments of the command for each. Their
// settings are in the YAML files beside this one.
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fail } from '../../scripts/lab/command-line.mjs';
import { REAL_DATA } from '../../scripts/lab/real-data.mjs';
import { fetchModel } from './fetch.mjs';

/**
 * @typedef {object} Case
 * @property {string} title
 * @property {string} data Its folder among the real data.
 * @property {string} kind Its kind for `--data`.
 * @property {number} layers
 * @property {boolean} isPretrained
 */

export const CASES = {
  a: {
    title: 'Fine-tuning MiniLM (6 layers, pretrained) on 640 sentences of SST-2',
    data: 'sst2',
    kind: 'sst2',
    layers: 6,
    isPretrained: true,
  },
  a2: {
    title: 'Fine-tuning MiniLM on all of SST-2',
    data: 'sst2',
    kind: 'sst2',
    layers: 6,
    isPretrained: true,
  },
  b: {
    title: 'BERT text classifier from scratch on SST-2',
    data: 'sst2',
    kind: 'sst2',
    layers: 4,
    isPretrained: false,
  },
  c: {
    title: 'ViT from scratch on MNIST digits',
    data: 'mnist10k',
    kind: 'mnist',
    layers: 6,
    isPretrained: false,
  },
};

/** @typedef {keyof typeof CASES} CaseName */

/** Options of benchmarks that train cases, for `parseArgs`. */
export const CASE_OPTIONS = /** @type {const} */ ({
  /** Folder of the real data. */
  data: { type: 'string', default: REAL_DATA },
  /** Folder of the pretrained model; fetched where it is not given. */
  model: { type: 'string' },
});

/** Settings with which a case takes a second: --smoke. */
const SMOKE_SETTINGS = ['--steps', '12', '--eval-every', '6 steps'];
const SMOKE_DATA = {
  a: 'sequence=32,maxTrain=64,maxValidation=64',
  a2: 'sequence=32,maxTrain=64,maxValidation=64',
  b: 'maxTrain=256,maxValidation=64',
  c: 'maxTrain=256,maxValidation=64',
};

/**
 * The configuration file of a case and the flags for where data and model lie here, with paths from the checkout.
 * @param {CaseName} name
 * @param {{ data: string, model?: string | undefined, out: string, smoke: boolean }} options `out`: where the
 *   pretrained model is fetched to.
 * @returns {string[]}
 */
export function caseArguments(name, { data, model, out, smoke }) {
  const { data: folder, kind, isPretrained } = CASES[name];
  const path = join(resolve(data), folder);
  if (!existsSync(path)) fail(`no ${folder} in ${data}; name the folder of the data with --data`);
  return [
    join('bench/ablate', `${name}.yaml`),
    ...(isPretrained ? ['--model', `hf:${model === undefined ? fetchModel(join(out, 'model')) : resolve(model)}`] : []),
    '--data',
    `${kind}:${path}`,
    ...(smoke ? [...SMOKE_SETTINGS, '--data-options', SMOKE_DATA[name]] : []),
  ];
}
