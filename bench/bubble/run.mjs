// Measures the bubble of every schedule with real workers, and simulates the same schedules with the durations that
// were measured in the same steps. Two workers of one thread each; all four schedules in turn, several times over.
// Prints a table with PASS or FAIL for each, writes it to RESULT.md beside this file, and ends with exit code 1 where
// one fails. Usage: node bench/bubble/run.mjs [--rounds N] [--steps N] [--layers N] [--width N] [--sequence N]
import { writeFileSync } from 'node:fs';
import { cpus, loadavg, release, totalmem, type } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { trainConfigSchema } from '../../dist/engine/core/config.js';
import { Coordinator } from '../../dist/engine/coordinator/coordinator.js';
import { planOfShape } from '../../dist/engine/planning/next-plan.js';
import { planBasis } from '../../dist/engine/planning/plan-basis.js';
import { runCosts } from '../../dist/engine/costs/run-costs.js';
import { setUpRun } from '../../dist/engine/run/run-setup.js';
import { measuredStep, measuredTimes, median, replayed } from '../../dist/pipeline/measured-step.js';
import { makeSchedule, SCHEDULES } from '../../dist/pipeline/schedules/registry.js';
import { simulateActions } from '../../dist/pipeline/simulate.js';

const defaults = { rounds: '6', steps: '8', layers: '6', width: '256', sequence: '128', micros: '8' };
const { values } = parseArgs({
  options: Object.fromEntries(
    Object.entries(defaults).map(([name, value]) => [name, { type: 'string', default: value }]),
  ),
});
const sizes = Object.fromEntries(Object.entries(values).map(([name, value]) => [name, Number(value)]));
if (Object.values(sizes).some((size) => !Number.isInteger(size) || size < 1)) {
  console.error(`all options take a positive whole number: ${JSON.stringify(values)}`);
  process.exit(2);
}
const { rounds, steps, layers, width, sequence, micros } = sizes;
/** Steps at the start of a turn that do not count: memory is touched for the first time. */
const WARM_UP = 2;

const config = trainConfigSchema.parse({
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
const setup = await setUpRun(config);
const coordinator = await Coordinator.open({ ...setup, programCache: null });
await coordinator.launch();
const known = await runCosts(setup, coordinator, null);
const { event } = known;
const basis = planBasis(setup, known);
let history = null;

/** The spans of both workers in a step, in the order of the pipeline. */
async function turn(schedule) {
  const planned = planOfShape(
    basis,
    history,
    { frozen: 0, frozenLayers: 0, epochsLeft: 1, because: schedule },
    { K: 2, R: 1, schedule, usesCache: false },
  );
  const { plan, choice } = planned;
  history = planned.history;
  await coordinator.adopt(plan);
  coordinator.start(0);
  const order = [...new Set(plan.replicas[0].stages.map(({ worker }) => worker))];
  const spans = [];
  for (let step = 0; step < WARM_UP + steps; step++) {
    const reports = await coordinator.stepReports();
    await coordinator.commit(
      step,
      { learningRate: 0, gradientScale: 1, updateCount: step + 1, snapshot: null },
      step + 1 < WARM_UP + steps,
    );
    spans.push(order.map((worker) => reports.get(worker).spans));
  }
  return { spans: spans.slice(WARM_UP), choice };
}

const turns = new Map(SCHEDULES.names.map((name) => [name, []]));
const choices = new Map();
for (let round = 0; round < rounds; round++)
  for (const name of SCHEDULES.names) {
    const { spans, choice } = await turn(name);
    turns.get(name).push(...spans);
    choices.set(name, choice);
  }
await coordinator.close();

const percent = (share) => `${(100 * share).toFixed(1)} %`;
const ms = (value) => value.toFixed(value < 10 ? 2 : 1);
const lines = [];
const say = (line = '') => (lines.push(line), console.log(line));

/** Share of the simulated bubble by which the measured one may differ. */
const TOLERANCE = 0.1;

const isNear = (measured, simulated) => Math.abs(measured / simulated - 1) <= TOLERANCE;

const rows = SCHEDULES.names.map((name) => {
  const schedule = makeSchedule(name, 2, micros);
  const all = turns.get(name);
  const measured = all.map(measuredStep);
  const times = measuredTimes(schedule, all);
  const simulated = all.map((step) => replayed(schedule, step, times));
  const steady = simulateActions(
    schedule,
    ({ stage, kind }) => times.byKind.get(`${stage}${kind}`),
    () => times.transferMs,
    () => times.handlingMs,
  );
  const [bubble, simulatedBubble] = [measured, simulated].map((steps) =>
    median(steps.map(({ bubbleShare }) => bubbleShare)),
  );
  const [pipelineMs, simulatedMs] = [measured, simulated].map((steps) => median(steps.map(({ totalMs }) => totalMs)));
  return {
    name,
    bubble,
    simulatedBubble,
    steady: steady.bubbleShare,
    pipelineMs,
    simulatedMs,
    times,
    choice: choices.get(name),
    passes: isNear(bubble, simulatedBubble),
  };
});

say('# Bubble of the schedules, measured and simulated');
say();
say(
  `Machine: ${cpus()[0]?.model.trim()}, ${cpus().length} cores, ${Math.round(totalmem() / 2 ** 30)} GiB, ` +
    `${type()} ${release()}, Node ${process.version}.`,
);
say(
  `Load of the machine at the end (1, 5, 15 minutes): ${loadavg()
    .map((value) => value.toFixed(1))
    .join(', ')}; on a quiet machine the first is near 2.`,
);
say(`Command: \`npm run bench:bubble -- ${process.argv.slice(2).join(' ')}\``);
say();
say(
  `GPT of ${layers} layers, width ${width}, ${sequence} tokens; two workers with one thread each, ${micros} ` +
    `micro-batches of one sample; medians of ${rounds} times ${steps} steps of each schedule, in turns.`,
);
say();
say(
  'Bubble: idle share of the two workers between the first forward and the last backward of a step. ' +
    'Simulated: the simulator, step by step, with the durations that the actions of the step',
);
say(
  'had, one hand-over for all (the mean time from the end of an action to the start of one on the other ' +
    'worker that waited for it) and one handling (to the start of the next one on the same',
);
say(
  'worker); medians over the steps. Within 10 % passes: then the simulator knows the order, the waiting and ' +
    'the hand-overs. Steady: every action with the typical duration of its kind, so without',
);
say(
  'the variation between actions of one kind, which a busy machine makes large and a quiet one small. ' +
    'Predicted: from the costs and the hand-over measured before the run, as plans are.',
);
say();
say(
  '| schedule | pipeline ms | simulated ms | bubble measured | simulated | off by | | steady | off by | | ' +
    'predicted | hand-over ms | handling ms |',
);
say('| --- | ---: | ---: | ---: | ---: | ---: | --- | ---: | ---: | --- | ---: | ---: | ---: |');
for (const { name, bubble, simulatedBubble, steady, pipelineMs, simulatedMs, times, choice } of rows) {
  const verdict = (simulated) =>
    `${percent(simulated)} | ${percent(bubble / simulated - 1)} | ${isNear(bubble, simulated) ? 'PASS' : 'FAIL'}`;
  say(
    `| ${name} | ${ms(pipelineMs)} | ${ms(simulatedMs)} | ${percent(bubble)} | ${verdict(simulatedBubble)} | ` +
      `${verdict(steady)} | ${percent(choice.predictedBubble)} | ${ms(times.transferMs)} | ` +
      `${ms(times.handlingMs)} |`,
  );
}
say();
say('Median durations of the actions, milliseconds by stage and kind:');
say();
for (const { name, times, choice } of rows)
  say(
    `- ${name}: ${[...times.byKind]
      .sort()
      .map(([key, value]) => `${key} ${ms(value)}`)
      .join(', ')}; cuts ${choice.cuts.join(', ')}`,
  );
say();
say(
  `Hand-over as measured before the run: ${ms(event.handoverMs)} ms to a worker that sleeps, ` +
    `${ms(event.handlingMs)} ms to look for what has come.`,
);
writeFileSync(join(dirname(fileURLToPath(import.meta.url)), 'RESULT.md'), `${lines.join('\n')}\n`);
process.exit(rows.every(({ passes }) => passes) ? 0 : 1);
