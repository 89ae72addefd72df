// A seeded storm of faults over one training run: workers killed, stopped, slowed or cut off, shared memory and disk
// filled, cache records damaged, strangers at the port, the coordinator killed and the run resumed. It must end with
// the hashes of the run that was never disturbed, and leave nothing behind. Usage: npm run soak -- --faults 200 --seed
// 1 [--kinds kill,hang] [--keep FOLDER]
import { spawn, spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { bitsAt, randomKey } from '../dist/engine/core/random.js';
import { readEvents } from '../dist/engine/events/event-log.js';
import { sharedMemoryFolder } from '../dist/engine/tensor/mapped-file.js';
import { cutConnection, damageCache, emptyDisk, fillDisk, knock } from './soak/faults.mjs';

const { values: options } = parseArgs({
  options: {
    faults: { type: 'string', default: '24' },
    seed: { type: 'string', default: '1' },
    steps: { type: 'string' },
    kinds: { type: 'string' },
    keep: { type: 'string' },
  },
});
const numFaults = Number(options.faults);
/** Share of the run by which the last fault should have come. */
const LAST_SHARE = 0.85;
// A fault comes every 60 steps; long faults let more pass, and a storm of n faults needs steps for all of them.
const STEPS_BETWEEN = 60;
const HANG_SECONDS = 2;
const steps = Number(options.steps ?? Math.ceil(1.3 * numFaults + 3) * STEPS_BETWEEN);
const key = randomKey(Number(options.seed), 'soak');
let draws = 0;
const below = (n) => bitsAt(key, draws++) % n;

const folder = mkdtempSync(join(tmpdir(), 'pipetrain-soak-'));
const main = join(import.meta.dirname, '../dist/cli/main.js');
// Small file systems of its own for memory and run folder, where this machine lets a process have them: those can be
// filled without harm to anybody.
const isolate = [
  'unshare',
  '-rm',
  'sh',
  '-c',
  'mount -t tmpfs -o size=24m tmpfs "$1" && mount -t tmpfs -o size=192m tmpfs "$2" && shift 2 && "$@"',
  'sh',
];
const [memory, disk] = ['memory', 'disk'].map((name) => mkdtempSync(join(folder, name)));
const canIsolate =
  process.platform === 'linux' && spawnSync(isolate[0], [...isolate.slice(1), memory, disk, 'true']).status === 0;

const freezes = [0.3, 0.6].map((share, i) => `${Math.round(steps * share)}:${i + 1}`).join(',');
const settings = [
  '--model',
  'vit',
  '--model-options',
  'layers=3,width=16,heads=2,patch=8',
  '--data',
  'synthetic:digits',
  '--data-options',
  'samples=119',
  '--batch',
  '16',
  '--micro-batch',
  '2',
  '--steps',
  String(steps),
  '--eval-every',
  '500 steps',
  '--freeze',
  'manual',
  '--freeze-schedule',
  freezes,
];
const shape = [
  '--devices',
  'cpu:2',
  '--pipeline',
  '2',
  '--step-timeout-seconds',
  String(HANG_SECONDS),
  '--max-restarts',
  '100000',
  '--checkpoint-every',
  '50 steps',
];

/** Runs the command; calls `onEvent` with every event and the run. Resolves to the exit code or signal. */
function run(args, onEvent) {
  const child = spawn(process.execPath, [main, ...args, '--json'], { stdio: ['ignore', 'pipe', 'pipe'] });
  let errors = '';
  child.stderr.on('data', (chunk) => (errors += chunk));
  createInterface({ input: child.stdout }).on('line', (line) => onEvent(JSON.parse(line), child.pid));
  return new Promise((resolve) => child.once('close', (code, signal) => resolve({ end: signal ?? code, errors })));
}

/**
 * One process holds the name space, and with it the small file systems, while the storm goes on in it; everything the
 * storm does there goes through its /proc/PID/root. Without name spaces the storm does without full disks.
 */
const holder = canIsolate
  ? spawn(isolate[0], [...isolate.slice(1), memory, disk, 'sleep', 'infinity'], { stdio: 'ignore', detached: true })
  : null;
await sleep(500);
const inside = holder === null ? [] : ['nsenter', '-t', String(holder.pid), '-U', '-m', '--preserve-credentials'];
const seenFromHere = (path) => (holder === null ? path : `/proc/${holder.pid}/root${path}`);
const memoryFolder = holder === null ? sharedMemoryFolder() : memory;
const storm = join(holder === null ? folder : disk, 'storm');
if (holder !== null) shape.push('--memory-dir', memory);
function runInside(args, onEvent) {
  if (holder === null) return run(args, onEvent);
  const child = spawn(inside[0], [...inside.slice(1), process.execPath, main, ...args, '--json'], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let errors = '';
  child.stderr.on('data', (chunk) => (errors += chunk));
  // nsenter becomes the command: its process is ours.
  createInterface({ input: child.stdout }).on('line', (line) => onEvent(JSON.parse(line), child.pid));
  return new Promise((resolve) => child.once('close', (code, signal) => resolve({ end: signal ?? code, errors })));
}

const killOne = ({ workers }) => process.kill(workers[below(workers.length)], 'SIGKILL');
/**
 * What each fault does, and how often it is drawn: a hang takes its whole time-out and a new coordinator a start, so
 * they come less often.
 */
const FAULTS = {
  kill: [5, killOne],
  killAll: [1, ({ workers }) => workers.forEach((pid) => process.kill(pid, 'SIGKILL'))],
  // A second death while the first one is dealt with: the replacement, or the one that was left.
  killTwice: [
    2,
    async (scene) => {
      killOne(scene);
      await sleep(below(1200));
      const alive = workers.filter(isAlive);
      if (alive.length > 0) process.kill(alive[below(alive.length)], 'SIGKILL');
    },
  ],
  cutCoordinator: [2, ({ workers, coordinator }) => cutConnection(coordinator, workers[below(workers.length)])],
  cutNeighbour: [2, ({ workers }) => cutConnection(workers[0], workers[1])],
  slow: [
    2,
    async ({ workers }) => {
      const pid = workers[below(workers.length)];
      process.kill(pid, 'SIGSTOP');
      await sleep(100 + below(400));
      process.kill(pid, 'SIGCONT');
    },
  ],
  hang: [1, ({ workers }) => process.kill(workers[below(workers.length)], 'SIGSTOP')],
  damageCache: [2, ({ coordinator }) => damageCache(seenFromHere(memoryFolder), coordinator, below)],
  stranger: [2, ({ coordinator }) => knock(coordinator, below)],
  memoryFull: [holder === null ? 0 : 2, () => fillFor(memory, 300 + below(1500))],
  // With a death on top: what replaces the dead finds no memory either.
  memoryFullAndKill: [
    holder === null ? 0 : 1,
    async (scene) => {
      killOne(scene);
      await fillFor(memory, 300 + below(1000));
    },
  ],
  diskFull: [holder === null ? 0 : 2, () => fillFor(disk, 300 + below(1500))],
  killCoordinator: [1, ({ coordinator }) => process.kill(coordinator, 'SIGKILL')],
  interrupt: [1, ({ coordinator }) => process.kill(coordinator, 'SIGTERM')],
};
async function fillFor(path, ms) {
  const filler = join(seenFromHere(path), 'filler');
  fillDisk(filler);
  await sleep(ms);
  emptyDisk(filler);
}
const wanted = options.kinds?.split(',');
const KINDS = Object.entries(FAULTS).flatMap(([kind, [weight]]) =>
  (wanted?.includes(kind) ?? true) ? Array(wanted === undefined ? weight : 1).fill(kind) : [],
);

const began = performance.now();
console.log(
  `soak: ${numFaults} faults over ${steps} steps, seed ` +
    `${options.seed}${holder === null ? '; no mounts of its own here, so no full memory and disk' : ''}`,
);
const calm = await run(['train', ...settings, '--devices', 'cpu:1', '--out', join(folder, 'calm')], () => undefined);
if (calm.end !== 0) throw new Error(`the undisturbed run ended with ${calm.end}: ${calm.errors}`);
console.log(`  undisturbed run: ${((performance.now() - began) / 1000).toFixed(0)} s`);

const counts = {};
const recoverySeconds = {};
const pids = new Set();
let done = 0;
let isBusy = false;
let nextAt = STEPS_BETWEEN;
let workers = [];
/** The fault that was done last, until the first step that is done after all it caused. */
let open = null;
let last = 0;
function isAlive(pid) {
  try {
    process.kill(pid, 0);
    return !/^\d+ \(.*\) Z/.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return false;
  }
}
/** What a run does about a fault; a step after it closes the books of that fault. */
const CONSEQUENCES = ['worker.lost', 'recovered', 'run.started', 'worker.joined'];
async function onEvent(event, coordinator) {
  if (event.type === 'worker.joined') {
    pids.add(event.pid);
    workers.push(event.pid);
  }
  last = performance.now();
  if (open !== null && CONSEQUENCES.includes(event.type)) open.hasEffect = true;
  if (event.type !== 'step') return;
  if (open?.hasEffect && open.isDone) {
    (recoverySeconds[open.kind] ??= []).push((last - open.at) / 1000);
    open = null;
  }
  if (event.step < nextAt || isBusy || done >= numFaults) return;
  isBusy = true;
  // Closer together where long faults have let many steps pass; all are to be done well before the end.
  nextAt =
    event.step +
    Math.max(1, Math.min(STEPS_BETWEEN, Math.floor((LAST_SHARE * steps - event.step) / (numFaults - done + 1))));
  workers = workers.filter(isAlive);
  const kind = KINDS[below(KINDS.length)];
  // At a random moment of the step, the reduction, the update or the snapshot.
  await sleep(below(20));
  const fault = (open = { kind, at: performance.now(), hasEffect: false, isDone: false });
  try {
    await FAULTS[kind][1]({ workers, coordinator });
    counts[kind] = (counts[kind] ?? 0) + 1;
    done++;
    if (done % 20 === 0)
      console.log(`  ${done} faults, step ${event.step}, ${((performance.now() - began) / 1000).toFixed(0)} s`);
  } catch (error) {
    if (error.code !== 'ESRCH') throw error;
  } finally {
    fault.isDone = true;
    isBusy = false;
  }
}

/**
 * What a storm may end a run with: the coordinator was killed or interrupted, or memory or disk were full at a moment
 * that is not survived; documented all.
 */
const mayEnd = ({ end, errors }) =>
  end === 'SIGKILL' ||
  end === 137 ||
  end === 130 ||
  (end === 4 && /\[PT_SHM_FULL\]/.test(errors)) ||
  (end === 3 && /\[PT_(CHECKPOINT_WRITE|EVENT_LOG|RUN_FOLDER)\]/.test(errors));
let numResumes = 0;
const endings = {};
let outcome = await runInside(['train', ...settings, ...shape, '--out', storm], onEvent);
while (outcome.end !== 0) {
  if (!mayEnd(outcome)) throw new Error(`the run ended with ${outcome.end}: ${outcome.errors}`);
  const how = /\[(PT_\w+)\]/.exec(outcome.errors)?.[1] ?? outcome.end;
  endings[how] = (endings[how] ?? 0) + 1;
  numResumes++;
  while (isBusy) await sleep(50);
  workers = [];
  await sleep(200);
  const hasCheckpoint = readdirSync(seenFromHere(join(storm, 'checkpoints'))).some((name) => /^step-\d+$/.test(name));
  if (!hasCheckpoint) rmSync(seenFromHere(storm), { recursive: true, force: true });
  outcome = await runInside(
    hasCheckpoint ? ['resume', storm, ...shape] : ['train', ...settings, ...shape, '--out', storm],
    onEvent,
  );
}

const summaryOf = (path) => JSON.parse(readFileSync(join(path, 'summary.json'), 'utf8'));
const [expected, found] = [summaryOf(join(folder, 'calm')), summaryOf(seenFromHere(storm))];
const events = readEvents(join(seenFromHere(storm), 'events.jsonl'));
const failures = [];
for (const field of ['lossSha256', 'weightsSha256', 'steps', 'samplesSeen'])
  if (expected[field] !== found[field]) failures.push(`${field}: ${found[field]} instead of ${expected[field]}`);
const verified = await runInside(['verify', storm], () => undefined).catch((error) => ({
  end: error.message,
  errors: '',
}));
if (verified.end !== 0) failures.push(`verify ends with ${verified.end}: ${verified.errors}`);
if (done < numFaults)
  failures.push(`only ${done} of ${numFaults} faults were done before the run ended; give it more --steps`);
await sleep(1000);
const left = [...pids].filter(isAlive);
if (left.length > 0) failures.push(`processes left: ${left.join(', ')}`);
// What a killed coordinator leaves is swept by the next run; after the last one nothing may be left, sockets of whoever
// is left included.
const memoryLeft = readdirSync(seenFromHere(memoryFolder)).filter(
  (name) => /^pipetrain-\d+-[0-9a-f]{8}$/.test(name) && (holder !== null || !isAlive(Number(name.split('-')[1]))),
);
if (memoryLeft.length > 0) failures.push(`shared memory left: ${memoryLeft.join(', ')}`);
const filesLeft = readdirSync(seenFromHere(storm), { recursive: true, encoding: 'utf8' }).filter((name) =>
  /\.(tmp|partial|trash)/.test(name),
);
if (filesLeft.length > 0) failures.push(`temporary files left: ${filesLeft.join(', ')}`);
if (options.keep !== undefined)
  for (const [name, path] of [
    ['calm', join(folder, 'calm')],
    ['storm', seenFromHere(storm)],
  ])
    cpSync(path, join(options.keep, name), { recursive: true });
holder?.kill('SIGKILL');
if (existsSync(folder)) rmSync(folder, { recursive: true, force: true });

const seconds = (value) => `${(value ?? 0).toFixed(2)} s`;
console.log(
  `  ${done} faults; ${numResumes} resumes (${Object.entries(endings)
    .map(([how, n]) => `${how} ${n}`)
    .join(', ')}); ${events.filter(({ type }) => type === 'recovered').length} recoveries inside a run`,
);
console.log('  from the fault to the next finished step: median and worst');
for (const kind of Object.keys(counts).sort()) {
  const times = (recoverySeconds[kind] ?? []).sort((a, b) => a - b);
  console.log(
    `    ${kind.padEnd(18)} ${String(counts[kind]).padStart(4)}  ` +
      `${
        times.length === 0
          ? 'nothing to recover'
          : `${seconds(times[Math.floor(times.length / 2)])} ` + ` ${seconds(times.at(-1))}`
      }`,
  );
}
console.log(
  `  losses ${found.lossSha256?.slice(0, 16)}, weights ${found.weightsSha256?.slice(0, 16)}; took ` +
    `${((performance.now() - began) / 1000).toFixed(0)} s`,
);
console.log(
  failures.length === 0
    ? 'soak: equal to the undisturbed run, nothing left behind'
    : `soak FAILED:\n  ${failures.join('\n  ')}`,
);
process.exit(failures.length === 0 ? 0 : 1);
