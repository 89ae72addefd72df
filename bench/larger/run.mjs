// Measures what becomes of a larger model: the time line of a run with a validation and checkpoints on the way, and how
// much of what the processor can do its steps reach, beside a small model. Ratios say whether something falls off: they
// hardly depend on the machine. Prints tables and writes them to RESULT.md beside this file. Usage: node
// bench/larger/run.mjs [--parts line,rates,largest] [--devices LIST] [--results FOLDER] [--smoke]; --smoke takes tiny
// models and writes to --results only.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { eventsOf } from '#dist/engine/events/summary.js';
import { loads, machineAndNode } from '../../scripts/lab/machine.mjs';
import { pipetrain } from '../../scripts/lab/pipetrain.mjs';
import { scratchFolder } from '../../scripts/lab/scratch.mjs';
import { median } from '../../scripts/lab/statistics.mjs';
import { BENCH_OPTIONS, BenchResults, Page } from '../bench-results.mjs';

/** @typedef {import('#dist/engine/events/events.js').RunEvent} RunEvent */
/** @typedef {RunEvent & { at: number, cpu: number }} TimedEvent */

/**
 * @typedef {object} Sizes
 * @property {number} layers
 * @property {number} width
 * @property {number} heads
 * @property {number} sequence
 * @property {number} batch
 * @property {number} microBatch
 */

const SMALL = { layers: 6, width: 384, heads: 6, sequence: 256, batch: 2, microBatch: 1 };
const LARGER = { layers: 12, width: 768, heads: 12, sequence: 256, batch: 2, microBatch: 1 };
const LARGEST = { layers: 24, width: 1024, heads: 16, sequence: 256, batch: 2, microBatch: 1 };
const TINY = { layers: 2, width: 16, heads: 2, sequence: 16, batch: 2, microBatch: 1 };

/** Steps of the run with a time line: a checkpoint after the second and the fourth, a validation after the third. */
const STEPS = 5;
const DATA = ['--data', 'synthetic:text', '--data-options'];

/**
 * Operations of a step: two for each weight and token in the forward, and twice that in the backward; as much for the
 * products of queries, keys and values.
 * @param {Sizes} sizes
 */
function operations({ layers, width, sequence, batch }) {
  const weights = 12 * layers * width * width;
  const attention = 2 * layers * width * sequence;
  return 3 * 2 * batch * sequence * (weights + attention);
}

/**
 * @param {Sizes} sizes
 * @returns {string[]}
 */
const modelOf = ({ layers, width, heads, sequence, batch, microBatch }) => [
  ...['--model', 'gpt', '--model-options', `layers=${layers},width=${width},heads=${heads}`],
  ...[...DATA, `sequence=${sequence},samples=${10 * batch}`],
  ...['--batch', String(batch), '--micro-batch', String(microBatch), '--freeze', 'none'],
];

/**
 * CPU seconds that a process has used; NaN where this cannot be told.
 * @param {number} pid
 */
function cpuSeconds(pid) {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
    return (Number(fields[11]) + Number(fields[12])) / 100;
  } catch {
    return Number.NaN;
  }
}

/**
 * Rows about a run that came to its end.
 * @param {readonly TimedEvent[]} events
 * @param {number} microBatch
 * @returns {Readonly<Record<string, string>>}
 */
function findings(events, microBatch) {
  const steps = eventsOf(events, 'step');
  const later = median(steps.slice(1).map(({ seconds }) => seconds));
  const at = (/** @type {RunEvent['type']} */ type) => (events.find((event) => event.type === type)?.at ?? NaN) / 1000;
  const first = steps[0]?.seconds ?? NaN;
  const [evaluation] = eventsOf(events, 'evaluation');
  const [costs] = eventsOf(events, 'costs.measured');
  const forward = (costs?.blocks ?? []).reduce((sum, { forwardMs }) => sum + forwardMs, 0) / microBatch / 1000;
  const workers = eventsOf(events, 'worker.joined').length;
  const validation = ((evaluation?.seconds ?? NaN) * workers) / (evaluation?.samples ?? NaN);
  const saved = eventsOf(events, 'checkpoint.saved').filter(({ step }) => step < STEPS);
  const stalls = saved.map(({ stallMs = NaN }) => stallMs / 1000);
  const writes = saved.map(({ writeMs = NaN }) => writeMs / 1000);
  const s = (/** @type {number} */ value) => value.toFixed(2);
  return {
    'configuration, data and model read, s': s(at('run.started')),
    'workers set up, s': s(at('worker.joined')),
    'costs known, s': s(at('costs.measured')),
    'weights drawn, programs ready, s': s(at('programs.ready')),
    'first step begins, s': s(at('step') - first),
    'first step, s': s(first),
    'later steps, s (median)': s(later),
    'first step / later step': s(first / later),
    'bytes of a checkpoint': String(saved[0]?.bytes ?? NaN),
    'checkpoints stop training for, s': stalls.map(s).join(', '),
    'longest stop / later step': s(Math.max(...stalls) / later),
    'checkpoints are written for, s (training goes on)': writes.map(s).join(', '),
    'validation, s per sample and worker': s(validation),
    'validation / forward': s(validation / forward),
  };
}

/**
 * Runs the command to its end. Its events have `at`, milliseconds since it was started, and `cpu`, what its first
 * worker has used of a processor, seconds.
 * @param {readonly string[]} args
 * @returns {Promise<TimedEvent[]>}
 */
async function run(args) {
  const begin = performance.now();
  /** @type {TimedEvent[]} */
  const events = [];
  const folders = ['--program-cache', join(scratch, `cache${runs}`), '--out', join(scratch, `run${runs++}`)];
  const { end, errors } = await pipetrain(['train', ...args, ...folders], {
    onEvent(event) {
      const [worker] = eventsOf(events, 'worker.joined');
      events.push({ ...event, at: performance.now() - begin, cpu: worker === undefined ? 0 : cpuSeconds(worker.pid) });
    },
  }).ended;
  if (end !== 0) throw new Error(`the run ended with ${end}: ${errors}`);
  return events;
}

/** The time line of a larger model. */
async function measureLine() {
  const sizes = options.smoke ? TINY : LARGER;
  const devices = options.devices.split(',');
  /** @type {Readonly<Record<string, string>>[]} */
  const columns = [];
  for (const name of devices) {
    const way = ['--eval-every', '3steps', '--checkpoint-every', '2steps'];
    const args = [...modelOf(sizes), '--devices', name, '--steps', String(STEPS), ...way];
    columns.push(findings(await run(args), sizes.microBatch));
  }
  page.say(`## The time line

GPT of ${sizes.layers} layers, width ${sizes.width}, ${sizes.sequence} tokens, batch ${sizes.batch} in micro-batches of
${sizes.microBatch}; nothing kept from earlier runs.

| | ${devices.map((name) => `--devices ${name}`).join(' | ')} |
| --- |${' ---: |'.repeat(devices.length)}`);
  for (const row of Object.keys(columns[0] ?? {}))
    page.say(`| ${row} | ${columns.map((one) => one[row]).join(' | ')} |`);
}

/** What steps of a small model and of larger ones reach, on one worker. */
async function compareRates() {
  page.say(`
## Steps

One worker, SGD without momentum (350 M parameters with two states each, and their copies, would need 20 GB), the
fastest step after the first, by the time of the processor, which hardly depends on what else runs.

| model | parameters | step, CPU s | GFLOP/s | beside the small one |
| --- | ---: | ---: | ---: | ---: |`);
  let small = NaN;
  const large = [LARGER, ...(parts.includes('largest') ? [LARGEST] : [])];
  for (const sizes of options.smoke ? [TINY, { ...TINY, layers: 3 }] : [SMALL, ...large]) {
    const plain = ['--optimizer', 'sgd', '--momentum', '0', '--eval-every', 'never', '--checkpoint-every', 'never'];
    const steps = sizes === SMALL ? '12' : '4';
    const events = await run([...modelOf(sizes), ...plain, '--devices', 'cpu:1', '--steps', steps]);
    const ends = events.filter(({ type }) => type === 'step').map(({ cpu }) => cpu);
    const seconds = Math.min(...ends.slice(1).map((end, i) => end - (ends[i] ?? Number.NaN)));
    const [{ blocks } = { blocks: [] }] = eventsOf(events, 'run.started');
    const parameters = blocks.reduce((total, block) => total + block.parameters, 0);
    const rate = operations(sizes) / seconds / 1e9;
    small = Number.isNaN(small) ? rate : small;
    page.say(
      `| ${sizes.layers} layers, width ${sizes.width} | ${(parameters / 1e6).toFixed(1)} M | ${seconds.toFixed(2)} ` +
        `| ${rate.toFixed(0)} | ${(rate / small).toFixed(2)} |`,
    );
  }
}

const { values: options } = parseArgs({
  options: {
    ...BENCH_OPTIONS,
    parts: { type: 'string', default: 'line,rates,largest' },
    devices: { type: 'string', default: 'cpu:1,cpu:2' },
  },
});
const parts = options.parts.split(',');
const scratch = scratchFolder('larger');
let runs = 0;
const page = new Page();
page.say(`# Larger models

Machine: ${machineAndNode()}.
Load of the machine when this began (1, 5, 15 minutes): ${loads()}; on a quiet machine it is near 0.
Command: \`npm run bench:larger -- ${process.argv.slice(2).join(' ')}\`
`);
if (parts.includes('line')) await measureLine();
if (parts.includes('rates')) await compareRates();
page.say(`\nLoad of the machine at the end: ${loads()}.`);
const notes = readFileSync(join(import.meta.dirname, 'NOTES.md'), 'utf8');
new BenchResults(import.meta.dirname, options).write('RESULT.md', `${page.text()}\n${notes}`);
