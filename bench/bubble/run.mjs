// Measures the bubble of every schedule with real workers, and simulates the same schedules with the durations that
// were measured in the same steps. Two workers of one thread each; all four schedules in turn, several times over.
// Prints a table with PASS or FAIL for each, writes it to RESULT.md beside this file, and ends with exit code 1 where
// one fails. Usage: node bench/bubble/run.mjs [--rounds N] [--steps N] [--layers N] [--width N] [--sequence N]
// [--micros N] [--results FOLDER] [--smoke]; --smoke takes tiny sizes, judges nothing and writes to --results only.
import { parseArgs } from 'node:util';
import { measuredStep, measuredTimes, replayed } from '#dist/pipeline/measured-step.js';
import { makeSchedule, SCHEDULES } from '#dist/pipeline/schedules/registry.js';
import { simulateActions } from '#dist/pipeline/simulate.js';
import { wholeNumber } from '../../scripts/lab/command-line.mjs';
import { loads, machineAndNode } from '../../scripts/lab/machine.mjs';
import { median } from '../../scripts/lab/statistics.mjs';
import { startTeam } from '../../scripts/lab/team.mjs';
import { BENCH_OPTIONS, BenchResults, Page } from '../bench-results.mjs';

/** @typedef {import('#dist/pipeline/measured-step.js').WorkerSpans} WorkerSpans */
/** @typedef {import('#dist/pipeline/choice.js').PipelineChoice} PipelineChoice */
/** @typedef {(typeof SCHEDULES.names)[number]} ScheduleName */
/** @typedef {ReturnType<typeof comparison>} Comparison */

/** Steps at the start of a turn that do not count: memory is touched for the first time. */
const WARM_UP = 2;
/** Share of the simulated bubble by which the measured one may differ. */
const TOLERANCE = 0.1;
const SIZES = { rounds: 6, steps: 8, layers: 6, width: 256, sequence: 128, micros: 8 };
const SMOKE_SIZES = { rounds: 1, steps: 2, layers: 2, width: 16, sequence: 16, micros: 4 };

const { values: options } = parseArgs({
  options: {
    ...BENCH_OPTIONS,
    rounds: { type: 'string' },
    steps: { type: 'string' },
    layers: { type: 'string' },
    width: { type: 'string' },
    sequence: { type: 'string' },
    micros: { type: 'string' },
  },
});
const sizes = options.smoke ? { ...SMOKE_SIZES } : { ...SIZES };
for (const name of /** @type {(keyof typeof SIZES)[]} */ (Object.keys(SIZES)))
  if (options[name] !== undefined) sizes[name] = wholeNumber(name, options[name]);
const { rounds, steps, layers, width, sequence, micros } = sizes;

const team = await startTeam({
  model: 'gpt',
  modelOptions: { layers, width, heads: 4 },
  data: 'synthetic:text',
  dataOptions: { sequence },
  devices: 'cpu:2',
  batch: micros,
  microBatch: 1,
  steps: 1000,
  pipeline: 2,
  replicas: 1,
  evalEvery: 'never',
  programCache: 'off',
  recompute: 'off',
});

/**
 * The spans of both workers step by step, in the order of the pipeline.
 * @param {ScheduleName} schedule
 */
async function turn(schedule) {
  const { plan, choice } = await team.adopt({ K: 2, R: 1, schedule, usesCache: false });
  const order = [...new Set(plan.replicas.flatMap(({ stages }) => stages.map(({ worker }) => worker)))];
  /** @type {WorkerSpans[][]} */
  const spans = [];
  await team.takeSteps(WARM_UP + steps, 0, (reports) =>
    spans.push(order.map((worker) => reports.get(worker)?.spans ?? [])),
  );
  return { spans: spans.slice(WARM_UP), choice };
}

/** All steps of all turns by schedule, and the plan that was made for it. */
async function measure() {
  /** @type {Map<ScheduleName, { spans: WorkerSpans[][], choice: PipelineChoice }>} */
  const measured = new Map();
  for (let round = 0; round < rounds; round++)
    for (const name of SCHEDULES.names) {
      const { spans, choice } = await turn(name);
      measured.set(name, { spans: [...(measured.get(name)?.spans ?? []), ...spans], choice });
    }
  return measured;
}

/**
 * The measured bubble of a schedule beside the simulated ones.
 * @param {ScheduleName} name
 * @param {readonly (readonly WorkerSpans[])[]} all
 * @param {PipelineChoice} choice
 */
function comparison(name, all, choice) {
  const schedule = makeSchedule(name, 2, micros);
  const measured = all.map(measuredStep);
  const times = measuredTimes(schedule, all);
  const simulated = all.map((step) => replayed(schedule, step, times));
  const steady = simulateActions(
    schedule,
    ({ stage, kind }) => times.byKind.get(`${stage}${kind}`) ?? 0,
    () => times.transferMs,
    () => times.handlingMs,
  );
  const middle = (/** @type {readonly { bubbleShare: number }[]} */ list) =>
    median(list.map(({ bubbleShare }) => bubbleShare));
  const middleMs = (/** @type {readonly { totalMs: number }[]} */ list) => median(list.map(({ totalMs }) => totalMs));
  return {
    name,
    bubble: middle(measured),
    simulatedBubble: middle(simulated),
    steady: steady.bubbleShare,
    pipelineMs: middleMs(measured),
    simulatedMs: middleMs(simulated),
    times,
    choice,
  };
}

const percent = (/** @type {number} */ share) => `${(100 * share).toFixed(1)} %`;
const ms = (/** @type {number} */ value) => value.toFixed(value < 10 ? 2 : 1);
const isNear = (/** @type {number} */ measured, /** @type {number} */ simulated) =>
  Math.abs(measured / simulated - 1) <= TOLERANCE;

/** @param {Comparison} compared */
function tableRow({ name, bubble, simulatedBubble, steady, pipelineMs, simulatedMs, times, choice }) {
  const verdict = (/** @type {number} */ simulated) =>
    `${percent(simulated)} | ${percent(bubble / simulated - 1)} | ${isNear(bubble, simulated) ? 'PASS' : 'FAIL'}`;
  return (
    `| ${name} | ${ms(pipelineMs)} | ${ms(simulatedMs)} | ${percent(bubble)} | ${verdict(simulatedBubble)} | ` +
    `${verdict(steady)} | ${percent(choice.predictedBubble)} | ${ms(times.transferMs)} | ` +
    `${ms(times.handlingMs)} |`
  );
}

/** @param {Comparison} compared */
function durationsRow({ name, times, choice }) {
  const durations = [...times.byKind].sort().map(([key, value]) => `${key} ${ms(value)}`);
  return `- ${name}: ${durations.join(', ')}; cuts ${choice.cuts.join(', ')}`;
}

/** @param {readonly Comparison[]} rows */
function resultPage(rows) {
  const page = new Page();
  page.say(`# Bubble of the schedules, measured and simulated

Machine: ${machineAndNode()}.
Load of the machine at the end (1, 5, 15 minutes): ${loads()}; on a quiet machine the first is near 2.
Command: \`npm run bench:bubble -- ${process.argv.slice(2).join(' ')}\`

GPT of ${layers} layers, width ${width}, ${sequence} tokens; two workers with one thread each, ${micros} micro-batches
of one sample; medians of ${rounds} times ${steps} steps of each schedule, in turns.

Bubble: idle share of the two workers between the first forward and the last backward of a step. Simulated: the
simulator, step by step, with the durations that the actions of the step had, one hand-over for all (the mean time from
the end of an action to the start of one on the other worker that waited for it) and one handling (to the start of the
next one on the same worker); medians over the steps. Within 10 % passes: then the simulator knows the order, the
waiting and the hand-overs. Steady: every action with the typical duration of its kind, so without the variation between
actions of one kind, which a busy machine makes large and a quiet one small. Predicted: from the costs and the hand-over
measured before the run, as plans are.
`);
  page.say(
    '| schedule | pipeline ms | simulated ms | bubble measured | simulated | off by | | steady | off by | | ' +
      'predicted | hand-over ms | handling ms |',
  );
  page.say('| --- | ---: | ---: | ---: | ---: | ---: | --- | ---: | ---: | --- | ---: | ---: | ---: |');
  for (const row of rows) page.say(tableRow(row));
  page.say('\nMedian durations of the actions, milliseconds by stage and kind:\n');
  for (const row of rows) page.say(durationsRow(row));
  page.say();
  page.say(
    `Hand-over as measured before the run: ${ms(team.costs.handoverMs ?? Number.NaN)} ms to a worker that sleeps, ` +
      `${ms(team.costs.handlingMs ?? Number.NaN)} ms to look for what has come.`,
  );
  return page.text();
}

const measured = await measure();
await team.close();
const rows = [...measured].map(([name, { spans, choice }]) => comparison(name, spans, choice));
new BenchResults(import.meta.dirname, options).write('RESULT.md', resultPage(rows));
const passes = rows.every(({ bubble, simulatedBubble }) => isNear(bubble, simulatedBubble));
process.exit(passes || options.smoke ? 0 : 1);
