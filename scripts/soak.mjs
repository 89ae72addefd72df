// A seeded storm of faults over one training run: workers killed, stopped or slowed, cache records damaged, the coordinator killed and the run
// resumed. It must end with the hashes of the run that was never disturbed, and leave nothing behind. Usage: npm run soak -- --faults 200 --seed 1
import { spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { bitsAt, randomKey } from '../dist/engine/core/random.js';
import { readEvents } from '../dist/engine/event-log.js';
import { sharedMemoryFolder } from '../dist/engine/tensor/mapped-file.js';

const { values: options } = parseArgs({ options: { faults: { type: 'string', default: '200' }, seed: { type: 'string', default: '1' }, steps: { type: 'string' } } });
const numFaults = Number(options.faults);
// A fault comes every 60 steps, so a storm of n faults needs at least that many.
const STEPS_BETWEEN = 60;
const steps = Number(options.steps ?? (numFaults + 3) * STEPS_BETWEEN);
const key = randomKey(Number(options.seed), 'soak');
let draws = 0;
const below = (n) => bitsAt(key, draws++) % n;

const folder = mkdtempSync(join(tmpdir(), 'pipetrain-soak-'));
const freezes = [0.3, 0.6].map((share, i) => `${Math.round(steps * share)}:${i + 1}`).join(',');
const settings = ['--model', 'vit', '--model-options', 'layers=3,width=16,heads=2,patch=8', '--data', 'synthetic:digits', '--data-options', 'samples=119', '--batch', '16', '--micro-batch', '2', '--steps', String(steps), '--eval-every', '500 steps', '--freeze', 'manual', '--freeze-schedule', freezes];
const shape = ['--devices', 'cpu:2', '--pipeline', '2', '--step-timeout-seconds', '2', '--max-restarts', '100000', '--checkpoint-every', '50 steps'];

/** Runs the command; calls `onEvent` with every event and the child. Resolves to the exit code or signal. */
function run(args, onEvent) {
  const child = spawn(process.execPath, ['dist/cli/main.js', ...args, '--json'], { stdio: ['ignore', 'pipe', 'pipe'] });
  let errors = '';
  child.stderr.on('data', (chunk) => (errors += chunk));
  createInterface({ input: child.stdout }).on('line', (line) => onEvent(JSON.parse(line), child));
  return new Promise((resolve) => child.once('close', (code, signal) => resolve({ end: signal ?? code, errors })));
}

const FAULTS = {
  kill: ({ workers }) => process.kill(workers[below(workers.length)], 'SIGKILL'),
  killAll: ({ workers }) => workers.forEach((pid) => process.kill(pid, 'SIGKILL')),
  hang: ({ workers }) => process.kill(workers[below(workers.length)], 'SIGSTOP'),
  slow: async ({ workers }) => {
    const pid = workers[below(workers.length)];
    process.kill(pid, 'SIGSTOP');
    await sleep(100 + below(400));
    process.kill(pid, 'SIGCONT');
  },
  damageCache: async ({ child }) => {
    const memory = readdirSync(sharedMemoryFolder()).find((name) => name.startsWith(`pipetrain-${child.pid}-`));
    if (memory === undefined) return;
    for (const name of readdirSync(join(sharedMemoryFolder(), memory)).filter((file) => file.startsWith('cache.'))) {
      const file = await open(join(sharedMemoryFolder(), memory, name), 'r+');
      const { size } = await file.stat();
      // Records only: the second half of the file is never header.
      await file.write(Buffer.from([below(256), below(256), below(256), below(256)]), 0, 4, Math.floor(size / 2) + below(Math.floor(size / 2) - 8));
      await file.close();
    }
  },
  killCoordinator: ({ child }) => child.kill('SIGKILL'),
  interrupt: ({ child }) => child.kill('SIGTERM'),
};
// A hang takes its whole time-out to notice and a new coordinator takes a start, so they come less often.
const KINDS = ['kill', 'kill', 'kill', 'kill', 'killAll', 'slow', 'slow', 'damageCache', 'damageCache', 'hang', 'killCoordinator', 'interrupt'];

const began = performance.now();
console.log(`soak: ${numFaults} faults over ${steps} steps, seed ${options.seed}`);
const calm = await run(['train', ...settings, '--devices', 'cpu:1', '--out', join(folder, 'calm')], () => undefined);
if (calm.end !== 0) throw new Error(`the undisturbed run ended with ${calm.end}: ${calm.errors}`);
console.log(`  undisturbed run: ${((performance.now() - began) / 1000).toFixed(0)} s`);

const counts = {};
const pids = new Set();
let done = 0;
let isBusy = false;
let nextAt = STEPS_BETWEEN;
let workers = [];
const isAlive = (pid) => {
  try {
    process.kill(pid, 0);
    return !/^\d+ \(.*\) Z/.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return false;
  }
};
async function onEvent(event, child) {
  if (event.type === 'worker.joined') {
    pids.add(event.pid);
    workers.push(event.pid);
  }
  if (event.type !== 'step' || event.step < nextAt || isBusy || done >= numFaults) return;
  isBusy = true;
  nextAt = event.step + STEPS_BETWEEN;
  workers = workers.filter(isAlive);
  const kind = KINDS[below(KINDS.length)];
  // At a random moment of the step, the reduction, the update or the snapshot.
  await sleep(below(20));
  try {
    await FAULTS[kind]({ workers, child });
    counts[kind] = (counts[kind] ?? 0) + 1;
    done++;
    if (done % 20 === 0) console.log(`  ${done} faults, step ${event.step}, ${((performance.now() - began) / 1000).toFixed(0)} s`);
  } catch (error) {
    if (error.code !== 'ESRCH') throw error;
  } finally {
    isBusy = false;
  }
}

let numResumes = 0;
let outcome = await run(['train', ...settings, ...shape, '--out', join(folder, 'storm')], onEvent);
while (outcome.end !== 0) {
  if (outcome.end !== 'SIGKILL' && outcome.end !== 130) throw new Error(`the run ended with ${outcome.end}: ${outcome.errors}`);
  numResumes++;
  workers = [];
  await sleep(200);
  outcome = await run(['resume', join(folder, 'storm'), ...shape], onEvent);
}

const summaryOf = (name) => JSON.parse(readFileSync(join(folder, name, 'summary.json'), 'utf8'));
const [expected, found] = [summaryOf('calm'), summaryOf('storm')];
const events = readEvents(join(folder, 'storm', 'events.jsonl'));
const recoveries = events.filter(({ type }) => type === 'recovered').map(({ seconds }) => seconds).sort((a, b) => a - b);
const failures = [];
for (const field of ['lossSha256', 'weightsSha256', 'steps', 'samplesSeen'])
  if (expected[field] !== found[field]) failures.push(`${field}: ${found[field]} instead of ${expected[field]}`);
await sleep(1000);
const left = [...pids].filter(isAlive);
if (left.length > 0) failures.push(`processes left: ${left.join(', ')}`);
const memory = readdirSync(sharedMemoryFolder()).filter((name) => /^pipetrain-\d+-[0-9a-f]{8}$/.test(name) && !isAlive(Number(name.split('-')[1])));
// What a killed coordinator leaves is swept by the next run; after the last one nothing may be left.
if (memory.length > 0) failures.push(`shared memory left: ${memory.join(', ')}`);
rmSync(folder, { recursive: true, force: true });

const seconds = (value) => `${(value ?? 0).toFixed(2)} s`;
console.log(`  faults: ${Object.entries(counts).map(([kind, n]) => `${kind} ${n}`).join(', ')}; resumes ${numResumes}`);
console.log(`  ${recoveries.length} recoveries inside a run: median ${seconds(recoveries[Math.floor(recoveries.length / 2)])}, worst ${seconds(recoveries.at(-1))}`);
console.log(`  losses ${found.lossSha256?.slice(0, 16)}, weights ${found.weightsSha256?.slice(0, 16)}; took ${((performance.now() - began) / 1000).toFixed(0)} s`);
console.log(failures.length === 0 ? 'soak: equal to the undisturbed run, nothing left behind' : `soak FAILED:\n  ${failures.join('\n  ')}`);
process.exit(failures.length === 0 ? 0 : 1);
