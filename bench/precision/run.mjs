// What bf16 costs in accuracy: the cases of cases.mjs in both precisions, with the same seeds, in turn; the metric on
// the whole validation set at the end, and the wall clock. The metric does not depend on how busy the machine is, the
// wall clock does. node bench/precision/run.mjs [digits] [sst2] [shakespeare] [minilm] [minilm-whole] [--seeds 1,2,3]
// [--out FOLDER] [--data FOLDER] [--model FOLDER] [--devices LIST] [--results FOLDER] [--smoke] Writes RESULT.md; runs
// that are done are read, not done again; --smoke trains some steps of each and writes to --results only.
import { loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { knownNames, wholeNumbers } from '../../scripts/lab/command-line.mjs';
import { machineAndNode, versionOf } from '../../scripts/lab/machine.mjs';
import { mean } from '../../scripts/lab/statistics.mjs';
import { CASE_OPTIONS } from '../ablate/cases.mjs';
import { BENCH_OPTIONS, BenchResults, Page } from '../bench-results.mjs';
import { trained } from '../trained.mjs';
import { argumentsOf, CASES, USUAL } from './cases.mjs';

/** @typedef {import('./cases.mjs').Case} Case */
/** @typedef {import('./cases.mjs').CaseName} CaseName */
/** @typedef {{ metric: number, seconds: number }} Run The metric in the unit of its case; wall clock. */

const PRECISIONS = /** @type {const} */ (['fp32', 'bf16']);
/** @typedef {Record<typeof PRECISIONS[number], Run[]>} Runs Seed by seed. */

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    ...BENCH_OPTIONS,
    ...CASE_OPTIONS,
    seeds: { type: 'string', default: '1,2,3' },
    out: { type: 'string', default: join(tmpdir(), 'pipetrain-bench-precision') },
    devices: { type: 'string', default: 'cpu:2' },
  },
});
const cases = positionals.length === 0 ? USUAL : knownNames('case', positionals, CASES);
const seeds = wholeNumbers('seeds', options.seeds);
const loadBefore = loadavg()[0] ?? 0;

/**
 * @param {CaseName} name
 * @param {string} precision
 * @param {number} seed
 * @returns {Promise<Run>}
 */
async function runOf(name, precision, seed) {
  const { scale, digits, unit } = CASES[name];
  const { summary } = await trained(join(options.out, `${name}-${precision}-seed${seed}`), [
    ...argumentsOf(name, options),
    '--devices',
    options.devices,
    '--seed',
    String(seed),
    '--precision',
    precision,
  ]);
  const metric = scale * (summary.metric?.value ?? Number.NaN);
  const seconds = summary.wallSeconds;
  console.log(`${name}, ${precision}, seed ${seed}: ${metric.toFixed(digits)} ${unit}, ${seconds.toFixed(0)} s`);
  return { metric, seconds };
}

/**
 * The standard deviation over the seeds; NaN for a single one.
 * @param {readonly number[]} values
 */
function spread(values) {
  const middle = mean(values);
  return Math.sqrt(values.reduce((sum, value) => sum + (value - middle) ** 2, 0) / (values.length - 1));
}

/** Of a single seed there is no spread. @param {number} value @param {number} digits */
const known = (value, digits) => (Number.isNaN(value) ? '-' : value.toFixed(digits));

/** @param {number} value @param {number} digits */
const signed = (value, digits) => `${value >= 0 ? '+' : ''}${value.toFixed(digits)}`;

/**
 * The difference of the means, from pairs of equal seeds, with its standard error.
 * @param {Runs} runs
 */
function differenceOf({ fp32, bf16 }) {
  const differences = bf16.map(({ metric }, i) => metric - (fp32[i]?.metric ?? Number.NaN));
  return { value: mean(differences), error: spread(differences) / Math.sqrt(differences.length) };
}

/**
 * @param {Case} subject
 * @param {{ value: number, error: number }} difference
 */
function verdictOf({ bound, unit, digits }, { value, error }) {
  const shown = `bf16 less fp32: ${signed(value, digits)} ± ${known(error, digits)} ${unit}`;
  if (bound === null) return `${shown}.`;
  return `${shown}; the bound is ${bound} ${unit}: ${Math.abs(value) <= bound ? 'kept' : 'NOT KEPT'}.`;
}

/**
 * @param {Page} page
 * @param {CaseName} name
 */
async function tell(page, name) {
  /** @type {Runs} */
  const runs = { fp32: [], bf16: [] };
  for (const seed of seeds)
    for (const precision of PRECISIONS) runs[precision].push(await runOf(name, precision, seed));
  /** @type {Case} */
  const subject = CASES[name];
  const { title, unit, digits } = subject;
  page.say(`## ${title}`);
  page.say();
  page.say(`| precision | by seed, ${unit} | mean | spread | wall clock, s |`);
  page.say('|---|---|---:|---:|---:|');
  for (const precision of PRECISIONS) {
    const metrics = runs[precision].map(({ metric }) => metric);
    const shown = metrics.map((metric) => metric.toFixed(digits)).join(', ');
    page.say(
      `| ${precision} | ${shown} | ${mean(metrics).toFixed(digits)} | ${known(spread(metrics), digits)} | ` +
        `${mean(runs[precision].map(({ seconds }) => seconds)).toFixed(0)} |`,
    );
  }
  page.say();
  page.say(verdictOf(subject, differenceOf(runs)));
  page.say();
}

const page = new Page();
page.say('# What bf16 costs in accuracy');
page.say();
page.say(
  `\`npm run bench:precision -- ${cases.join(' ')} --seeds ${options.seeds}\`, on \`${options.devices}\`; settings`,
);
page.say(
  'in bench/precision and bench/ablate. Spread: standard deviation over the seeds. The difference is the mean over',
);
page.say(
  'pairs of equal seeds, with its standard error. What is rounded: [docs/precision.md](../../docs/precision.md).',
);
page.say();
page.say(`${machineAndNode()}, ONNX Runtime ${versionOf('onnxruntime-node')}, pipetrain ${versionOf()}`);
page.say();
for (const name of cases) await tell(page, name);
page.say(
  `Measured ${new Date().toISOString().slice(0, 10)}; load of the machine ${loadBefore.toFixed(1)} before, ` +
    `${(loadavg()[0] ?? 0).toFixed(1)} after.`,
);
new BenchResults(import.meta.dirname, options).write('RESULT.md', page.text());
