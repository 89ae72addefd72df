// What the lossy codecs of the cache cost in accuracy: the digit ViT from scratch, its lower half frozen for the second
// half of training, and a pretrained encoder on SST-2 with its lower four layers frozen from the start; every codec,
// the same seeds. Accuracy does not depend on how busy the machine is. node bench/cache/accuracy.mjs [digits] [encoder]
// [--seeds 1,2,3] [--out FOLDER] [--data FOLDER] [--model FOLDER] [--devices LIST] [--results FOLDER] [--smoke]; writes
// ACCURACY.md; --smoke trains some steps of each and writes to --results only.
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { eventsOf } from '#dist/engine/events/summary.js';
import { knownNames, wholeNumbers } from '../../scripts/lab/command-line.mjs';
import { mean } from '../../scripts/lab/statistics.mjs';
import { CASE_OPTIONS, caseArguments } from '../ablate/cases.mjs';
import { BENCH_OPTIONS, BenchResults } from '../bench-results.mjs';
import { trained } from '../trained.mjs';

const CASES = /** @type {const} */ ({
  digits: {
    title: 'Digit ViT from scratch, 2,000 validation digits: 3 of 6 layers frozen after half of 4 epochs',
    base: 'c',
    schedule: '250:3',
    smokeSchedule: '4:3',
  },
  encoder: {
    title: 'Pretrained MiniLM on SST-2, 872 validation sentences: 4 of 6 layers frozen from the start',
    base: 'a',
    schedule: '0:4',
    smokeSchedule: '0:4',
  },
});
/** @typedef {keyof typeof CASES} CaseName */
/** @typedef {{ metric: number, loss: number }} Run Accuracy in percent, validation loss. */

const CODECS = /** @type {const} */ (['f32', 'f16', 'i8']);
const TABLE_HEAD =
  '| codec | accuracy by seed, % | mean | points against f32 | validation loss |\n|---|---|---:|---:|---:|';

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    ...BENCH_OPTIONS,
    ...CASE_OPTIONS,
    seeds: { type: 'string', default: '1,2,3' },
    out: { type: 'string', default: join(tmpdir(), 'pipetrain-bench-codecs') },
    devices: { type: 'string', default: 'cpu:2' },
  },
});
const cases = knownNames('case', positionals, CASES);
const seeds = wholeNumbers('seeds', options.seeds);

/**
 * @param {CaseName} name
 * @param {string} codec
 * @param {number} seed
 * @returns {Promise<Run>}
 */
async function runOf(name, codec, seed) {
  const { base, schedule, smokeSchedule } = CASES[name];
  const { summary, events } = await trained(join(options.out, `${name}-${codec}-seed${seed}`), [
    ...caseArguments(base, options),
    '--freeze',
    'manual',
    '--freeze-schedule',
    options.smoke ? smokeSchedule : schedule,
    '--devices',
    options.devices,
    '--seed',
    String(seed),
    '--cache-codec',
    codec,
  ]);
  if (summary.cache.hits === 0) throw new Error(`${name}, ${codec}: nothing was read from the cache`);
  const metric = 100 * (summary.metric?.value ?? Number.NaN);
  console.log(`${name}, ${codec}, seed ${seed}: ${metric.toFixed(2)} %`);
  return { metric, loss: eventsOf(events, 'evaluation').at(-1)?.loss ?? Number.NaN };
}

/**
 * @param {string} codec
 * @param {readonly Run[]} runs
 * @param {readonly Run[]} exact
 */
function tableRow(codec, runs, exact) {
  const metrics = runs.map(({ metric }) => metric);
  const change = mean(metrics) - mean(exact.map(({ metric }) => metric));
  return (
    `| ${codec} | ${metrics.map((metric) => metric.toFixed(2)).join(', ')} | ${mean(metrics).toFixed(2)} | ` +
    `${codec === 'f32' ? '' : `${change >= 0 ? '+' : ''}${change.toFixed(2)}`} | ` +
    `${mean(runs.map(({ loss }) => loss)).toFixed(4)} |`
  );
}

/** @param {CaseName} name */
async function sectionOf(name) {
  /** @type {Map<string, Run[]>} */
  const rows = new Map();
  for (const codec of CODECS) {
    /** @type {Run[]} */
    const runs = [];
    for (const seed of seeds) runs.push(await runOf(name, codec, seed));
    rows.set(codec, runs);
  }
  const exact = rows.get('f32') ?? [];
  const lines = [...rows].map(([codec, runs]) => tableRow(codec, runs, exact));
  return `## ${CASES[name].title}\n\n${TABLE_HEAD}\n${lines.join('\n')}\n`;
}

/** @type {string[]} */
const sections = [];
for (const name of cases) sections.push(await sectionOf(name));
const text = `# What lossy codecs of the cache cost in accuracy

\`node bench/cache/accuracy.mjs${positionals.map((name) => ` ${name}`).join('')} --seeds ${options.seeds}\`; settings in
that script and in bench/ablate. Training and validation both read through the codec.

${sections.join('\n')}`;
console.log(text);
new BenchResults(import.meta.dirname, options).write('ACCURACY.md', text);
