// A seeded storm of faults over one training run: workers killed, stopped, slowed or cut off, shared memory and disk
// filled, cache records damaged, strangers at the port, the coordinator killed and the run resumed. It must end with
// the hashes of the run that was never disturbed, and leave nothing behind. Usage: npm run soak -- --faults 200 --seed
// 1 [--steps N] [--kinds kill,hang] [--keep FOLDER]
import { cpSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { EventFile } from '#dist/engine/events/event-file.js';
import { eventsOf } from '#dist/engine/events/summary.js';
import { sharedMemoryFolder } from '#dist/engine/tensor/mapped-file.js';
import { wholeNumber } from './lab/command-line.mjs';
import { dice } from './lab/dice.mjs';
import { parseJson } from './lab/json.mjs';
import { pipetrain } from './lab/pipetrain.mjs';
import { scratchFolder } from './lab/scratch.mjs';
import { counted, median } from './lab/statistics.mjs';
import { stopwatch } from './lab/stopwatch.mjs';
import { conclude } from './lab/verdict.mjs';
import { isAlive } from './soak/processes.mjs';
import { SMALL_VIT } from './soak/settings.mjs';
import { mountSmallDisks } from './soak/small-disks.mjs';
import { makeFaults, stepsFor, Storm } from './soak/storm.mjs';

/** @typedef {import('./lab/pipetrain.mjs').End} End */
/** @typedef {import('#dist/engine/events/summary.js').Summary} Summary */

const { values: options } = parseArgs({
  options: {
    faults: { type: 'string', default: '24' },
    seed: { type: 'string', default: '1' },
    steps: { type: 'string' },
    kinds: { type: 'string' },
    keep: { type: 'string' },
  },
});
const HANG_SECONDS = 2;
const numFaults = wholeNumber('faults', options.faults);
const steps = wholeNumber('steps', options.steps ?? String(stepsFor(numFaults)));
const below = dice(wholeNumber('seed', options.seed, 0), 'soak');
const watch = stopwatch();

const folder = scratchFolder('soak');
const disks = await mountSmallDisks(folder);
const seenFromHere = disks?.seenFromHere ?? ((/** @type {string} */ path) => path);
const memoryFolder = disks?.memory ?? sharedMemoryFolder();
const calmFolder = join(folder, 'calm');
const stormFolder = join(disks?.disk ?? folder, 'storm');

const freezes = [0.3, 0.6].map((share, i) => `${Math.round(steps * share)}:${i + 1}`).join(',');
const settings = [...SMALL_VIT, '--steps', String(steps), '--eval-every', '500 steps'];
settings.push('--freeze', 'manual', '--freeze-schedule', freezes);
const shape = ['--devices', 'cpu:2', '--pipeline', '2', '--step-timeout-seconds', String(HANG_SECONDS)];
shape.push('--max-restarts', '100000', '--checkpoint-every', '50 steps');
if (disks !== null) shape.push('--memory-dir', disks.memory);

/**
 * What a storm may end a run with: the coordinator was killed or interrupted, or memory or disk were full at a moment
 * that is not survived; documented all.
 * @param {End} outcome
 */
const mayEnd = ({ end, errors }) =>
  end === 'SIGKILL' ||
  end === 137 ||
  end === 130 ||
  (end === 4 && /\[PT_SHM_FULL\]/.test(errors)) ||
  (end === 3 && /\[PT_(CHECKPOINT_WRITE|EVENT_LOG|RUN_FOLDER)\]/.test(errors));

const storm = new Storm({
  faults: makeFaults(below, seenFromHere(memoryFolder), disks),
  kinds: options.kinds?.split(',') ?? null,
  below,
  numFaults,
  steps,
  onProgress(done, step) {
    if (done % 20 === 0) console.log(`  ${done} faults, step ${step}, ${watch.seconds().toFixed(0)} s`);
  },
});

/** @param {readonly string[]} args */
const runInStorm = (args) =>
  pipetrain(args, {
    onEvent: (event, coordinator) => void storm.hear(event, coordinator),
    ...(disks === null ? {} : { launch: disks.launch }),
  }).ended;

/** Trains in the storm, resuming as often as it ends; how the runs ended that did not reach the end. */
async function weather() {
  const begin = ['train', ...settings, ...shape, '--out', stormFolder];
  /** @type {string[]} */
  const endings = [];
  let outcome = await runInStorm(begin);
  while (outcome.end !== 0) {
    if (!mayEnd(outcome)) throw new Error(`the run ended with ${outcome.end}: ${outcome.errors}`);
    endings.push(/\[(PT_\w+)\]/.exec(outcome.errors)?.[1] ?? String(outcome.end));
    while (storm.isBusy) await sleep(50);
    storm.forgetWorkers();
    await sleep(200);
    const checkpoints = readdirSync(seenFromHere(join(stormFolder, 'checkpoints')));
    const hasCheckpoint = checkpoints.some((name) => /^step-\d+$/.test(name));
    if (!hasCheckpoint) rmSync(seenFromHere(stormFolder), { recursive: true, force: true });
    outcome = await runInStorm(hasCheckpoint ? ['resume', stormFolder, ...shape] : begin);
  }
  return endings;
}

const summaryOf = (/** @type {string} */ path) =>
  /** @type {Summary} */ (parseJson(readFileSync(join(path, 'summary.json'), 'utf8')));

/** What differs from the undisturbed run, and what `verify` finds. */
async function differences() {
  const [expected, found] = [summaryOf(calmFolder), summaryOf(seenFromHere(stormFolder))];
  const fields = /** @type {const} */ (['lossSha256', 'weightsSha256', 'steps', 'samplesSeen']);
  const failures = fields
    .filter((field) => expected[field] !== found[field])
    .map((field) => `${field}: ${found[field]} instead of ${expected[field]}`);
  const verified = await runInStorm(['verify', stormFolder]);
  if (verified.end !== 0) failures.push(`verify ends with ${verified.end}: ${verified.errors}`);
  if (storm.done < numFaults)
    failures.push(`only ${storm.done} of ${numFaults} faults were done before the run ended; give it more --steps`);
  return failures;
}

/** Processes, memory and temporary files that are left. */
function leftovers() {
  const failures = [];
  const left = [...storm.pids].filter(isAlive);
  if (left.length > 0) failures.push(`processes left: ${left.join(', ')}`);
  // What a killed coordinator leaves is swept by the next run; after the last one nothing may be left, sockets of
  // whoever is left included.
  const memoryLeft = readdirSync(seenFromHere(memoryFolder)).filter(
    (name) =>
      /^pipetrain-\d+(-[0-9a-f]{8}){1,2}$/.test(name) && (disks !== null || !isAlive(Number(name.split('-')[1]))),
  );
  if (memoryLeft.length > 0) failures.push(`shared memory left: ${memoryLeft.join(', ')}`);
  const filesLeft = readdirSync(seenFromHere(stormFolder), { recursive: true, encoding: 'utf8' }).filter((name) =>
    /\.(tmp|partial|trash)/.test(name),
  );
  if (filesLeft.length > 0) failures.push(`temporary files left: ${filesLeft.join(', ')}`);
  return failures;
}

/** @param {readonly string[]} endings */
function tell(endings) {
  const events = new EventFile(join(seenFromHere(stormFolder), 'events.jsonl'));
  const how = counted(endings).map(([end, n]) => `${end} ${n}`);
  console.log(
    `  ${storm.done} faults; ${endings.length} resumes (${how.join(', ')}); ` +
      `${eventsOf(events, 'recovered').length} recoveries inside a run`,
  );
  console.log('  from the fault to the next finished step: median and worst');
  const seconds = (/** @type {number} */ value) => `${value.toFixed(2)} s`;
  for (const [kind, count] of [...storm.counts].sort()) {
    const times = storm.recoverySeconds.get(kind) ?? [];
    const shown =
      times.length === 0 ? 'nothing to recover' : `${seconds(median(times))}  ${seconds(Math.max(...times))}`;
    console.log(`    ${kind.padEnd(18)} ${String(count).padStart(4)}  ${shown}`);
  }
  const { lossSha256, weightsSha256 } = summaryOf(seenFromHere(stormFolder));
  console.log(
    `  losses ${lossSha256?.slice(0, 16)}, weights ${weightsSha256?.slice(0, 16)}; took ` +
      `${watch.seconds().toFixed(0)} s`,
  );
}

console.log(
  `soak: ${numFaults} faults over ${steps} steps, seed ` +
    `${options.seed}${disks === null ? '; no mounts of its own here, so no full memory and disk' : ''}`,
);
/** @returns {Promise<string[]>} What failed. */
async function soak() {
  const calm = await pipetrain(['train', ...settings, '--devices', 'cpu:1', '--out', calmFolder]).ended;
  if (calm.end !== 0) throw new Error(`the undisturbed run ended with ${calm.end}: ${calm.errors}`);
  console.log(`  undisturbed run: ${watch.seconds().toFixed(0)} s`);
  const endings = await weather();
  const failures = await differences();
  await sleep(1000);
  failures.push(...leftovers());
  if (options.keep !== undefined) {
    cpSync(calmFolder, join(options.keep, 'calm'), { recursive: true });
    cpSync(seenFromHere(stormFolder), join(options.keep, 'storm'), { recursive: true });
  }
  tell(endings);
  return failures;
}

const failures = await soak().finally(() => disks?.close());
conclude('soak', failures, 'equal to the undisturbed run, nothing left behind');
