// Very many tiny steps in one run, in a heap that a leak of a few bytes a step would fill; interrupted near its end and
// resumed. Then every command that reads the folder of a run, each with the seconds and the memory that it takes.
// Usage: npm run soak:long -- [--steps 200000] [--heap-mb 96] [--seconds 10] [--memory-mb 300] [--keep FOLDER]
import { cpSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { wholeNumber } from './lab/command-line.mjs';
import { MAIN, pipetrain, started } from './lab/pipetrain.mjs';
import { scratchFolder } from './lab/scratch.mjs';
import { stopwatch } from './lab/stopwatch.mjs';
import { conclude } from './lab/verdict.mjs';

const { values: options } = parseArgs({
  options: {
    steps: { type: 'string', default: '200000' },
    'heap-mb': { type: 'string', default: '96' },
    seconds: { type: 'string', default: '10' },
    'memory-mb': { type: 'string', default: '300' },
    keep: { type: 'string' },
  },
});
const steps = wholeNumber('steps', options.steps);
const maxSeconds = wholeNumber('seconds', options.seconds);
const maxMb = wholeNumber('memory-mb', options['memory-mb']);
/** Steps that are left for the resumed run. */
const REST = Math.min(200, Math.floor(steps / 2));
const folder = scratchFolder('long');
const run = join(folder, 'run');
const watch = stopwatch();
/** @type {string[]} */
const failures = [];
const env = { ...process.env, NODE_OPTIONS: `--max-old-space-size=${options['heap-mb']}` };

/**
 * The most memory that a process has needed, looked at while it runs.
 * @param {number | undefined} pid
 */
function peakOf(pid) {
  let peakMb = 0;
  const look = () => {
    try {
      const status = readFileSync(`/proc/${pid}/status`, 'utf8');
      peakMb = Number(/VmHWM:\s+(\d+) kB/.exec(status)?.[1] ?? peakMb * 1024) / 1024;
    } catch {
      // It is over.
    }
  };
  const timer = setInterval(look, 20);
  return () => {
    clearInterval(timer);
    return Math.round(peakMb);
  };
}

/** Trains until few steps are left, and interrupts. */
async function train() {
  const model = ['--model', 'vit', '--model-options', 'width=8,layers=1,heads=1,patch=8'];
  const data = ['--data', 'synthetic:digits', '--data-options', 'samples=64', '--batch', '1', '--micro-batch', '1'];
  const rest = ['--devices', 'cpu:1', '--freeze', 'none', '--eval-every', `${Math.ceil(steps / 4)} steps`];
  let isAsked = false;
  const args = ['train', ...model, ...data, ...rest, '--steps', String(steps), '--out', run];
  const { child, ended } = pipetrain(args, {
    env,
    onEvent(event) {
      if (event.type !== 'step' || event.step < steps - REST || isAsked) return;
      isAsked = true;
      child.kill('SIGTERM');
    },
  });
  const peak = peakOf(child.pid);
  const { end, errors } = await ended;
  if (end !== 130) failures.push(`training ends with ${end} instead of 130: ${errors.slice(-500)}`);
  watch.say(`${steps - REST} steps or a few more in a heap of ${options['heap-mb']} MB; coordinator ${peak()} MB`);
}

/** @param {readonly string[]} args */
async function tried(args) {
  const one = stopwatch();
  const { child, ended } = started(process.execPath, [MAIN, ...args]);
  const peak = peakOf(child.pid);
  const { end, errors } = await ended;
  const [seconds, peakMb] = [one.seconds(), peak()];
  const name = args[0] ?? '';
  watch.say(`${name.padEnd(14)} ${seconds.toFixed(1).padStart(5)} s  ${String(peakMb).padStart(4)} MB`);
  if (end !== 0) failures.push(`${name} ends with ${end}: ${errors.slice(-500)}`);
  if (seconds > maxSeconds) failures.push(`${name} takes ${seconds.toFixed(1)} s, more than ${maxSeconds}`);
  if (peakMb > maxMb) failures.push(`${name} needs ${peakMb} MB, more than ${maxMb}`);
}

console.log(`soak:long: ${steps} steps`);
await train();
await tried(['resume', run]);
for (const args of [
  ['status'],
  ['report'],
  ['verify'],
  ['compare', run],
  ['freeze-replay', '--policy', 'paper'],
  ['eval'],
])
  await tried([args[0] ?? '', run, ...args.slice(1)]);
await tried(['export', run, '--out', join(folder, 'weights.safetensors')]);
const { size } = statSync(join(run, 'events.jsonl'));
const [perStep, ofTenMillion] = [size / steps, ((size / steps) * 1e7) / 1e9];
watch.say(`events.jsonl: ${size} bytes, ${perStep.toFixed(0)} a step; 10 million steps: ${ofTenMillion.toFixed(2)} GB`);
if (options.keep !== undefined) cpSync(run, options.keep, { recursive: true });
conclude('soak:long', failures, `every command within ${maxSeconds} s and ${maxMb} MB`);
