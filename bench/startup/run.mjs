// Measures what it takes from starting the command to the first step, cold and with kept programs, and what changes of
// plan cost. Prints tables and writes them to RESULT.md beside this file. CPU time (of all processes, up to the first
// step) stands beside wall time: it hardly depends on what else the machine does. Usage: node bench/startup/run.mjs
// [--rounds N] [--data text:FILE] [--results FOLDER] [--smoke]; --smoke takes one tiny model and writes to --results
// only.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { eventsOf } from '#dist/engine/events/summary.js';
import { wholeNumber } from '../../scripts/lab/command-line.mjs';
import { loads, machineAndNode } from '../../scripts/lab/machine.mjs';
import { pipetrain } from '../../scripts/lab/pipetrain.mjs';
import { scratchFolder } from '../../scripts/lab/scratch.mjs';
import { median, sum } from '../../scripts/lab/statistics.mjs';
import { BENCH_OPTIONS, BenchResults, Page } from '../bench-results.mjs';

/** @typedef {import('#dist/engine/events/events.js').RunEvent} RunEvent */

/**
 * An event with `at`, milliseconds since the process was started.
 * @typedef {RunEvent & { at: number }} TimedEvent
 */

/**
 * A run up to the moment when it had done enough; `cpu` are the CPU seconds of each process at its first step.
 * @typedef {{ events: TimedEvent[], cpu: number[] }} Beginning
 */

const { values: options } = parseArgs({
  options: { ...BENCH_OPTIONS, rounds: { type: 'string' }, data: { type: 'string', default: 'synthetic:text' } },
});
const rounds = wholeNumber('rounds', options.rounds ?? (options.smoke ? '1' : '3'));
const scratch = scratchFolder('startup');
let runs = 0;

/**
 * Flags of a GPT.
 * @param {{ layers: number, width: number, heads: number, sequence: number, batch: number, microBatch: number }} sizes
 */
const gpt = ({ layers, width, heads, sequence, batch, microBatch }) => [
  '--model',
  'gpt',
  '--model-options',
  `layers=${layers},width=${width},heads=${heads}`,
  '--data',
  options.data,
  '--data-options',
  `sequence=${sequence}`,
  '--batch',
  String(batch),
  '--micro-batch',
  String(microBatch),
  '--eval-every',
  'never',
];
const large = { layers: 6, width: 384, heads: 6, sequence: 256, batch: 4, microBatch: 1 };
const small = { layers: 4, width: 64, heads: 4, sequence: 64, batch: 16, microBatch: 2 };
const tiny = { layers: 4, width: 16, heads: 2, sequence: 16, batch: 4, microBatch: 1 };
const started = options.smoke ? tiny : large;
/** Models whose plan changes, and the steps between two changes. */
const changing = options.smoke
  ? [{ sizes: tiny, interval: 4 }]
  : [
      { sizes: small, interval: 40 },
      { sizes: large, interval: 5 },
    ];

/**
 * CPU seconds that a process has used; 0 where this cannot be told.
 * @param {number} pid
 */
function cpuSeconds(pid) {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
    return (Number(fields[11]) + Number(fields[12])) / 100;
  } catch {
    return 0;
  }
}

/**
 * Runs the command until `isEnough(events)`.
 * @param {readonly string[]} args
 * @param {(events: readonly RunEvent[]) => boolean} isEnough
 * @returns {Promise<Beginning>}
 */
async function run(args, isEnough) {
  const begin = performance.now();
  /** @type {TimedEvent[]} */
  const events = [];
  /** @type {number[] | null} */
  let cpu = null;
  let isStopping = false;
  const { child, ended } = pipetrain(['train', ...args, '--out', join(scratch, `run${runs++}`)], {
    onEvent(event, pid) {
      if (isStopping) return;
      events.push({ ...event, at: performance.now() - begin });
      if (event.type === 'step')
        cpu ??= [pid, ...eventsOf(events, 'worker.joined').map((joined) => joined.pid)].map(cpuSeconds);
      if (!isEnough(events)) return;
      isStopping = true;
      child.kill('SIGTERM');
      // The second signal stops without saving.
      void sleep(50).then(() => child.kill('SIGTERM'));
    },
  });
  const { end, errors } = await ended;
  if (cpu === null || !isStopping) throw new Error(`the run ended with ${end} before its time: ${errors}`);
  return { events, cpu };
}

const ms = (/** @type {number} */ value) => `${Math.round(value)}`;

/**
 * Milliseconds from the start of the command.
 * @param {Beginning} beginning
 */
function milestones({ events, cpu }) {
  const at = (/** @type {RunEvent['type']} */ kind) => events.findLast(({ type }) => type === kind)?.at ?? Number.NaN;
  const firstAt = events.find(({ type }) => type === 'step')?.at ?? Number.NaN;
  return {
    'configuration, data and model read': at('run.started'),
    'workers connected and set up': at('worker.joined'),
    'costs known': at('costs.measured'),
    'plan made': at('plan.made'),
    'state and programs ready': at('programs.ready'),
    'first step begins': firstAt - 1000 * (eventsOf(events, 'step')[0]?.seconds ?? 0),
    'first step done': firstAt,
    'of it in programs (slowest worker)': 1000 * (eventsOf(events, 'programs.ready')[0]?.seconds ?? Number.NaN),
    'CPU of all processes until the first step is done': 1000 * sum(cpu),
  };
}

/**
 * The fastest of all rounds, cold and warm.
 * @param {string} devices
 */
async function fastestStarts(devices) {
  /** @type {{ cold: ReturnType<typeof milestones>[], warm: ReturnType<typeof milestones>[] }} */
  const all = { cold: [], warm: [] };
  for (let round = 0; round < rounds; round++) {
    const cache = join(scratch, `cache-${devices.replace(':', '')}-${round}`);
    const args = [...gpt(started), '--devices', devices, '--steps', '10', '--program-cache', cache];
    for (const kind of /** @type {const} */ (['cold', 'warm']))
      all[kind].push(milestones(await run(args, (events) => eventsOf(events, 'step').length === 1)));
  }
  const fastest = (/** @type {ReturnType<typeof milestones>[]} */ list) =>
    list.reduce((best, one) => (one['first step done'] < best['first step done'] ? one : best));
  return { cold: fastest(all.cold), warm: fastest(all.warm) };
}

/** @param {Page} page */
async function measureStarts(page) {
  const { layers, width, sequence, batch, microBatch } = started;
  page.say(`## From the start of the command to the first step

GPT of ${layers} layers, width ${width}, ${sequence} tokens, batch ${batch} in micro-batches of ${microBatch}.
Milliseconds since the process was started, the fastest of ${rounds} runs. Cold: nothing is kept. Warm: programs and
costs of an earlier run are kept.`);
  for (const devices of ['cpu:1', 'cpu:2']) {
    const { cold, warm } = await fastestStarts(devices);
    page.say(`\n| --devices ${devices} | cold | warm |\n| --- | ---: | ---: |`);
    for (const name of /** @type {(keyof typeof cold)[]} */ (Object.keys(cold)))
      page.say(`| ${name} | ${ms(cold[name])} | ${ms(warm[name])} |`);
  }
}

/**
 * The rows of a run whose plan changes twice.
 * @param {string} name
 * @param {readonly TimedEvent[]} events
 */
function transitionRows(name, events) {
  const shape = (/** @type {{ K: number, R: number }} */ { K, R }) => `${K}x${R}`;
  return eventsOf(events, 'transition').flatMap(({ generation, from, to, seconds, parts }) => {
    if (parts === undefined) return [];
    const programs = eventsOf(events, 'programs.ready').find((event) => event.generation === generation);
    const before = eventsOf(events, 'step').filter((step) => step.generation === generation - 1);
    const step = 1000 * median(before.slice(1).map((event) => event.seconds));
    return (
      `| ${name} | ${shape(from)} to ${shape(to)} | ${ms(1000 * seconds)} ` +
      `| ${ms(parts.stateMs)} | ${ms(parts.compileMs)} | ${ms(parts.connectMs)} | ${ms(parts.snapshotMs)} ` +
      `| ${ms(parts.planMs)} | ${programs?.kept}, ${programs?.fromDisk}, ${programs?.compiled} | ${ms(step)} |`
    );
  });
}

/** @param {Page} page */
async function measureTransitions(page) {
  page.say(`## Transitions

A pipeline of two stages whose layers freeze twice, \`--devices cpu:2\`, programs kept from an earlier run.
Milliseconds.
`);
  page.say(
    '| model | transition | in all | state | programs | connections, rest | snapshot | plan | programs in ' +
      'memory, from disk, compiled | median step before |',
  );
  page.say('| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: | --- | ---: |');
  for (const { sizes, interval } of changing) {
    const cache = join(scratch, `cache-transitions-${runs}`);
    const shape = ['--devices', 'cpu:2', '--pipeline', '2', '--replicas', '1'];
    const freezing = ['--freeze', 'manual', '--freeze-schedule', `${interval}:1,${2 * interval}:3`];
    const args = [...gpt(sizes), ...shape, ...freezing, '--steps', '1000', '--program-cache', cache];
    const isDone = (/** @type {readonly RunEvent[]} */ events) => eventsOf(events, 'step').length === 2 * interval + 2;
    await run(args, isDone);
    for (let round = 0; round < rounds; round++) {
      const { events } = await run(args, isDone);
      for (const row of transitionRows(`${sizes.layers} layers, width ${sizes.width}`, events)) page.say(row);
    }
  }
}

const page = new Page();
page.say(`# Start-up and transitions

Machine: ${machineAndNode()}.
Load of the machine when this began (1, 5, 15 minutes): ${loads()}; on a quiet machine it is near 0.
Command: \`npm run bench:startup -- ${process.argv.slice(2).join(' ')}\`
`);
await measureStarts(page);
page.say();
await measureTransitions(page);
page.say(`\nLoad of the machine at the end: ${loads()}.`);
const notes = readFileSync(join(import.meta.dirname, 'NOTES.md'), 'utf8');
new BenchResults(import.meta.dirname, options).write('RESULT.md', `${page.text()}\n${notes}`);
