// A process killed at every operation of every checkpoint of a run, and resumed: each time the end must be the one of
// the run that was never killed. Usage: npm run soak:checkpoint [-- --every 1 --from 0]
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { checkLedger } from '../dist/engine/events/ledger.js';
import { readEvents } from '../dist/engine/events/event-log.js';

const { values } = parseArgs({
  options: { every: { type: 'string', default: '1' }, from: { type: 'string', default: '0' } },
});
const folder = mkdtempSync(join(tmpdir(), 'pipetrain-soak-checkpoint-'));
const session = (...args) =>
  new Promise((resolve) => {
    execFile(process.execPath, ['scripts/checkpoint-crash.mjs', ...args], (error, stdout, stderr) =>
      resolve({
        signal: error?.signal ?? null,
        code: error?.code ?? 0,
        result: stdout === '' ? null : JSON.parse(stdout),
        stderr,
      }),
    );
  });

const began = performance.now();
const calm = await session(join(folder, 'calm'), 'train');
if (calm.result === null) throw new Error(`the undisturbed run failed: ${calm.stderr}`);
const { operations, ...expected } = calm.result;
console.log(
  `soak:checkpoint: ${operations} operations in the checkpoints of a run, losses ${expected.losses.slice(0, 16)}`,
);
const failures = [];
const resumedFrom = {};
let points = 0;
for (let at = Number(values.from); at < operations; at += Number(values.every)) {
  const run = join(folder, `at-${at}`);
  const killed = await session(run, 'train', String(at));
  if (killed.signal !== 'SIGKILL') failures.push(`operation ${at}: the process was not killed: ${killed.stderr}`);
  const resumed = await session(run, 'resume');
  points++;
  if (resumed.result === null) {
    // Before the first checkpoint has its name there is nothing to go on from, and the message says so.
    if (
      !resumed.stderr.includes('PT_CHECKPOINT_MISSING') ||
      !resumed.stderr.includes('holds no checkpoint') ||
      Object.keys(resumedFrom).some((from) => from !== 'none')
    )
      failures.push(`operation ${at}: ${resumed.stderr}`);
    resumedFrom.none = (resumedFrom.none ?? 0) + 1;
  } else {
    const { from, losses, weights, samples } = resumed.result;
    resumedFrom[from] = (resumedFrom[from] ?? 0) + 1;
    if (losses !== expected.losses || weights !== expected.weights || samples !== expected.samples)
      failures.push(`operation ${at}: resumed after ${from} steps, ended with other hashes`);
    const broken = checkLedger(readEvents(join(run, 'events.jsonl')), true).find(({ problem }) => problem !== null);
    if (broken !== undefined) failures.push(`operation ${at}: ${broken.name}: ${broken.problem}`);
  }
  rmSync(run, { recursive: true, force: true });
  if (points % 20 === 0) console.log(`  ${points} kills, ${((performance.now() - began) / 1000).toFixed(0)} s`);
}
rmSync(folder, { recursive: true, force: true });
console.log(
  `  ${points} kills in ${((performance.now() - began) / 1000).toFixed(0)} s; resumed after ${Object.entries(
    resumedFrom,
  )
    .map(([from, n]) => `${from} steps: ${n}`)
    .join(', ')}`,
);
console.log(
  failures.length === 0
    ? 'soak:checkpoint: every resume equals the undisturbed run'
    : `soak:checkpoint FAILED:\n  ${failures.join('\n  ')}`,
);
process.exit(failures.length === 0 ? 0 : 1);
