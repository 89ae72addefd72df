// A process killed at every operation of every checkpoint of a run, and resumed: each time the end must be the one of
// the run that was never killed. Usage: npm run soak:checkpoint [-- --every 1 --from 0]
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { EventFile } from '#dist/engine/events/event-file.js';
import { checkLedger } from '#dist/engine/events/ledger.js';
import { wholeNumber } from './lab/command-line.mjs';
import { parseJson } from './lab/json.mjs';
import { started } from './lab/pipetrain.mjs';
import { scratchFolder } from './lab/scratch.mjs';
import { counted } from './lab/statistics.mjs';
import { stopwatch } from './lab/stopwatch.mjs';
import { conclude } from './lab/verdict.mjs';

/** @typedef {import('./checkpoint-crash.mjs').CrashResult} CrashResult */

const { values: options } = parseArgs({
  options: { every: { type: 'string', default: '1' }, from: { type: 'string', default: '0' } },
});
const every = wholeNumber('every', options.every);
const script = fileURLToPath(new URL('checkpoint-crash.mjs', import.meta.url));
const folder = scratchFolder('soak-checkpoint');

/** One session; its result is null where it did not come to its end. @param {string[]} args */
async function session(...args) {
  const lines = /** @type {string[]} */ ([]);
  const { end, errors } = await started(process.execPath, [script, ...args], { onLine: (line) => lines.push(line) })
    .ended;
  const result = lines[0] === undefined ? null : /** @type {CrashResult} */ (parseJson(lines[0]));
  return { end, errors, result };
}

const watch = stopwatch();
const calm = await session(join(folder, 'calm'), 'train');
if (calm.result === null) throw new Error(`the undisturbed run failed: ${calm.errors}`);
const expected = calm.result;
console.log(
  `soak:checkpoint: ${expected.operations} operations in the checkpoints of a run, losses ` +
    `${expected.losses?.slice(0, 16)}`,
);
/** @type {string[]} */
const failures = [];
/** From where each went on: `none`, or a number of steps. @type {string[]} */
const resumedFrom = [];

/**
 * Kills a run at one operation and resumes it.
 * @param {number} at
 */
async function killAt(at) {
  const run = join(folder, `at-${at}`);
  const killed = await session(run, 'train', String(at));
  if (killed.end !== 'SIGKILL') failures.push(`operation ${at}: the process was not killed: ${killed.errors}`);
  const { result, errors } = await session(run, 'resume');
  if (result === null) {
    // Before the first checkpoint has its name there is nothing to go on from, and the message says so.
    if (
      !errors.includes('PT_CHECKPOINT_MISSING') ||
      !errors.includes('holds no checkpoint') ||
      resumedFrom.some((from) => from !== 'none')
    )
      failures.push(`operation ${at}: ${errors}`);
    resumedFrom.push('none');
  } else {
    const { from, losses, weights, samples } = result;
    resumedFrom.push(String(from));
    if (losses !== expected.losses || weights !== expected.weights || samples !== expected.samples)
      failures.push(`operation ${at}: resumed after ${from} steps, ended with other hashes`);
    const broken = checkLedger(new EventFile(join(run, 'events.jsonl')), true).find(({ problem }) => problem !== null);
    if (broken !== undefined) failures.push(`operation ${at}: ${broken.name}: ${broken.problem}`);
  }
  rmSync(run, { recursive: true, force: true });
}

for (let at = wholeNumber('from', options.from, 0); at < expected.operations; at += every) {
  await killAt(at);
  if (resumedFrom.length % 20 === 0) console.log(`  ${resumedFrom.length} kills, ${watch.seconds().toFixed(0)} s`);
}
const shares = counted(resumedFrom).map(([from, n]) => `${from} steps: ${n}`);
console.log(`  ${resumedFrom.length} kills in ${watch.seconds().toFixed(0)} s; resumed after ${shares.join(', ')}`);
conclude('soak:checkpoint', failures, 'every resume equals the undisturbed run');
