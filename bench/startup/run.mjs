// Measures what it takes from starting the command to the first step, cold and with kept programs, and what changes of
// plan cost. Prints tables and writes them to RESULT.md beside this file. CPU time (of all processes, up to the first
// step) stands beside wall time: it hardly depends on what else the machine does. Usage: node bench/startup/run.mjs
// [--rounds N] [--data text:FILE]
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, loadavg, release, tmpdir, totalmem, type } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const here = dirname(fileURLToPath(import.meta.url));
const { values: options } = parseArgs({
  options: { rounds: { type: 'string', default: '3' }, data: { type: 'string', default: 'synthetic:text' } },
});
const rounds = Number(options.rounds);
if (!Number.isInteger(rounds) || rounds < 1) {
  console.error('--rounds takes a number of rounds');
  process.exit(2);
}
const scratch = mkdtempSync(join(tmpdir(), 'pipetrain-startup-'));
process.on('exit', () => rmSync(scratch, { recursive: true, force: true }));
let runs = 0;

const MODEL = [
  '--model',
  'gpt',
  '--model-options',
  'layers=6,width=384,heads=6',
  '--data',
  options.data,
  '--data-options',
  'sequence=256',
  '--batch',
  '4',
  '--micro-batch',
  '1',
  '--eval-every',
  'never',
];
/** The same with four small layers. */
const SMALL = [
  '--model',
  'gpt',
  '--model-options',
  'layers=4,width=64,heads=4',
  '--data',
  options.data,
  '--data-options',
  'sequence=64',
  '--batch',
  '16',
  '--micro-batch',
  '2',
  '--eval-every',
  'never',
];

/** CPU seconds that a process has used; 0 where this cannot be told. */
function cpuSeconds(pid) {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1].split(' ');
    return (Number(fields[11]) + Number(fields[12])) / 100;
  } catch {
    return 0;
  }
}

/**
 * Runs the command until `isEnough(events)`; returns the events with `at`, milliseconds since the process was started,
 * and the CPU seconds of each process at its first step.
 */
async function run(args, isEnough) {
  const begin = performance.now();
  const child = spawn(
    process.execPath,
    [join(here, '../../dist/cli/main.js'), 'train', ...args, '--json', '--out', join(scratch, `run${runs++}`)],
    { stdio: ['ignore', 'pipe', 'ignore'] },
  );
  const events = [];
  let cpu = null;
  for await (const line of createInterface({ input: child.stdout })) {
    const event = { ...JSON.parse(line), at: performance.now() - begin };
    events.push(event);
    if (event.type === 'step' && cpu === null)
      cpu = [child.pid, ...events.filter((one) => one.type === 'worker.joined').map((one) => one.pid)].map(cpuSeconds);
    if (!isEnough(events)) continue;
    child.kill('SIGTERM');
    // The second signal stops without saving.
    await new Promise((resolve) => setTimeout(resolve, 50));
    child.kill('SIGTERM');
    break;
  }
  if (child.exitCode === null) await new Promise((resolve) => child.once('exit', resolve));
  return { events, cpu };
}

const steps = (events) => events.filter((event) => event.type === 'step');
const median = (values) => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)];
const ms = (value) => `${Math.round(value)}`;

function milestones({ events, cpu }) {
  const at = (kind) => events.findLast((event) => event.type === kind)?.at ?? Number.NaN;
  const first = steps(events)[0];
  const programs = events.find((event) => event.type === 'programs.ready');
  return {
    'configuration, data and model read': at('run.started'),
    'workers connected and set up': at('worker.joined'),
    'costs known': at('costs.measured'),
    'plan made': at('plan.made'),
    'state and programs ready': at('programs.ready'),
    'first step begins': first.at - 1000 * first.seconds,
    'first step done': first.at,
    'of it in programs (slowest worker)': 1000 * programs.seconds,
    'CPU of all processes until the first step is done': 1000 * cpu.reduce((sum, seconds) => sum + seconds, 0),
  };
}

const lines = [];
const say = (line = '') => {
  lines.push(line);
  console.log(line);
};

say('# Start-up and transitions');
say();
say(
  `Machine: ${cpus()[0]?.model.trim()}, ${cpus().length} cores, ${Math.round(totalmem() / 2 ** 30)} GiB, ` +
    `${type()} ${release()}, Node ${process.version}.`,
);
say(
  `Load of the machine when this began (1, 5, 15 minutes): ${loadavg()
    .map((value) => value.toFixed(1))
    .join(', ')}; on a quiet machine it is near 0.`,
);
say(`Command: \`npm run bench:startup -- ${process.argv.slice(2).join(' ')}\``);
say();
say('## From the start of the command to the first step');
say();
say(
  'GPT of 6 layers, width 384, 256 tokens, batch 4 in micro-batches of 1. Milliseconds since the process was ' +
    `started, the fastest of ${rounds} runs. Cold: nothing is kept. Warm: programs and costs of an earlier run ` +
    'are kept.',
);
for (const devices of ['cpu:1', 'cpu:2']) {
  const best = {};
  for (let round = 0; round < rounds; round++)
    for (const kind of ['cold', 'warm']) {
      const cache = join(scratch, `cache-${devices.replace(':', '')}-${round}`);
      const result = milestones(
        await run(
          [...MODEL, '--devices', devices, '--steps', '10', '--program-cache', cache],
          (events) => steps(events).length === 1,
        ),
      );
      if (best[kind] === undefined || result['first step done'] < best[kind]['first step done']) best[kind] = result;
    }
  say();
  say(`| --devices ${devices} | cold | warm |`);
  say('| --- | ---: | ---: |');
  for (const name of Object.keys(best.cold)) say(`| ${name} | ${ms(best.cold[name])} | ${ms(best.warm[name])} |`);
}

say();
say('## Transitions');
say();
say(
  'A pipeline of two stages whose layers freeze twice, `--devices cpu:2`, programs kept from an earlier run. ' +
    'Milliseconds.',
);
say();
say(
  '| model | transition | in all | state | programs | connections, rest | snapshot | plan | programs in ' +
    'memory, from disk, compiled | median step before |',
);
say('| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: | --- | ---: |');
for (const [name, model, interval] of [
  ['4 layers, width 64', SMALL, 40],
  ['6 layers, width 384', MODEL, 5],
]) {
  const cache = join(scratch, `cache-transitions-${runs}`);
  const args = [
    ...model,
    '--devices',
    'cpu:2',
    '--pipeline',
    '2',
    '--replicas',
    '1',
    '--freeze',
    'manual',
    '--freeze-schedule',
    `${interval}:1,${2 * interval}:3`,
    '--steps',
    '1000',
    '--program-cache',
    cache,
  ];
  const done = (events) => steps(events).length === 2 * interval + 2;
  await run(args, done);
  for (let round = 0; round < rounds; round++) {
    const { events } = await run(args, done);
    for (const transition of events.filter((event) => event.type === 'transition')) {
      const { parts } = transition;
      const programs = events.find(
        (event) => event.type === 'programs.ready' && event.generation === transition.generation,
      );
      const before = steps(events).filter((step) => step.generation === transition.generation - 1);
      const step = 1000 * median(before.slice(1).map((event) => event.seconds));
      const shape = ({ K, R }) => `${K}x${R}`;
      say(
        `| ${name} | ${shape(transition.from)} to ${shape(transition.to)} | ${ms(1000 * transition.seconds)} ` +
          `| ${ms(parts.stateMs)} | ${ms(parts.compileMs)} | ${ms(parts.connectMs)} | ${ms(parts.snapshotMs)} ` +
          `| ${ms(parts.planMs)} | ${programs.kept}, ${programs.fromDisk}, ${programs.compiled} | ${ms(step)} |`,
      );
    }
  }
}
say();
say(
  `Load of the machine at the end: ${loadavg()
    .map((value) => value.toFixed(1))
    .join(', ')}.`,
);
writeFileSync(join(here, 'RESULT.md'), `${lines.join('\n')}\n\n${readFileSync(join(here, 'NOTES.md'), 'utf8')}`);
