// What is trained in both precisions: three cases of bench/ablate, shorter where that shows the same, and a language
// model; the arguments of the command for each, and how far apart the precisions may be.
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fail, lastOfEach } from '../../scripts/lab/command-line.mjs';
import { caseArguments } from '../ablate/cases.mjs';

/** @typedef {import('../ablate/cases.mjs').CaseName} BaseName */

/**
 * @typedef {object} Case
 * @property {string} title
 * @property {string} unit Of its metric as it is shown.
 * @property {number} scale From the metric of the summary to that unit.
 * @property {number} digits Behind the point.
 * @property {number | null} bound How far the means of the two precisions may be apart; null where nothing is promised.
 * @property {BaseName | null} base The case of bench/ablate; null for the language model.
 * @property {readonly string[]} settings What is another than there.
 */

/** The whole validation set at the end, and nothing before. */
const AT_THE_END = ['--eval-every', '1 epoch'];
const ACCURACY = { unit: '%', scale: 100, digits: 2 };
const MINILM = { ...ACCURACY, bound: 0.3, base: /** @type {const} */ ('a') };

/** @satisfies {Readonly<Record<string, Case>>} */
export const CASES = {
  digits: {
    ...ACCURACY,
    title: 'Digit ViT (6 layers of width 64) from scratch, 8,000 digits, 2 epochs; accuracy on 2,000',
    bound: null,
    base: 'c',
    settings: ['--epochs', '2', ...AT_THE_END],
  },
  sst2: {
    ...ACCURACY,
    title: 'BERT (4 layers of width 128) from scratch on SST-2, 6,920 sentences, 2 epochs; accuracy on 872',
    bound: null,
    base: 'b',
    settings: ['--epochs', '2', ...AT_THE_END],
  },
  shakespeare: {
    title: 'GPT (4 layers of width 128) from scratch on tiny Shakespeare, 300 steps; loss on its last tenth',
    unit: 'nats',
    scale: 1,
    digits: 4,
    bound: 0.01,
    base: null,
    settings: [],
  },
  minilm: {
    ...MINILM,
    title: 'Pretrained MiniLM (6 layers of width 384) on 640 sentences of SST-2, 8 epochs; accuracy on 872',
    settings: AT_THE_END,
  },
  'minilm-whole': {
    ...MINILM,
    title: 'Pretrained MiniLM (6 layers of width 384) on all 6,920 sentences of SST-2, 2 epochs; accuracy on 872',
    settings: ['--epochs', '2', ...AT_THE_END, '--data-options', 'sequence=32'],
  },
};

/** @typedef {keyof typeof CASES} CaseName */

/** Those that are trained where none is named. */
export const USUAL = /** @type {const} */ (['digits', 'sst2', 'shakespeare', 'minilm']);

/** Settings with which the language model takes a second: --smoke. */
const SMOKE = ['--steps', '12', '--eval-every', '6 steps', '--data-options', 'sequence=32,maxBytes=20000'];

/**
 * The configuration file of a case and the flags of its own, with paths from the checkout.
 * @param {CaseName} name
 * @param {{ data: string, model?: string | undefined, out: string, smoke: boolean }} options
 * @returns {string[]}
 */
export function argumentsOf(name, options) {
  const { base, settings } = /** @type {Case} */ (CASES[name]);
  if (base !== null) {
    const [file = '', ...flags] = caseArguments(base, options);
    return [file, ...(options.smoke ? flags : lastOfEach([...flags, ...settings]))];
  }
  const path = join(resolve(options.data), 'tinyshakespeare.txt');
  if (!existsSync(path)) fail(`no tinyshakespeare.txt in ${options.data}; name the folder of the data with --data`);
  return ['bench/precision/shakespeare.yaml', '--data', `text:${path}`, ...(options.smoke ? SMOKE : [])];
}
