// A run among enemies: floods at every port with and without the token, from its own host and from another one;
// somebody with the token who rings at the workers' ports; workers that join and lie; leftovers of other users in
// shared memory; a standard output on a full disk; two others that would resume its folder meanwhile. It must end with
// the hashes of an undisturbed run, and leave nothing behind. Usage: npm run soak:hostile -- [--steps 500]
// [--enemies floods,liars] [--lies none,stuck] [--keep FOLDER]
import { cpSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { knownNames, wholeNumber } from './lab/command-line.mjs';
import { counted } from './lab/statistics.mjs';
import { conclude } from './lab/verdict.mjs';
import { HostGround } from './soak/host-ground.mjs';
import { BesiegedRun } from './soak/hostile/besieged-run.mjs';
import { Enemies, LIES } from './soak/hostile/enemies.mjs';
import { Hosts } from './soak/hosts.mjs';

const { values: options } = parseArgs({
  options: {
    steps: { type: 'string', default: '500' },
    enemies: { type: 'string' },
    lies: { type: 'string' },
    keep: { type: 'string' },
  },
});
const steps = wholeNumber('steps', options.steps);
const ENEMIES = {
  floods: 'connections without end',
  ringers: 'doorbells of somebody who is no worker',
  liars: 'workers that report nonsense',
  leftovers: 'files of others in shared memory',
  full: 'a full standard output',
  resumes: 'others that would resume the folder',
};
const enemiesHere = new Set(knownNames('enemy', options.enemies?.split(',') ?? [], ENEMIES));
const lies = knownNames('lie', options.lies?.split(',') ?? [], LIES);
const obstacle = Hosts.obstacle();
if (obstacle !== null) {
  console.log(`soak:hostile skipped: this machine lets nobody make hosts out of namespaces (${obstacle})`);
  process.exit(0);
}

/** Steps that take long enough for all of this to happen meanwhile. */
const LARGER = ['--model-options', 'layers=4,width=64,heads=4,patch=4', '--batch', '32', '--micro-batch', '4'];

/** @param {HostGround} ground */
async function besiege(ground) {
  const settings = [...LARGER, '--steps', String(steps), '--freeze', 'manual', '--freeze-schedule', `${steps / 2}:1`];
  const undisturbed = await ground.reference('undisturbed', settings);
  ground.say(`undisturbed: losses ${undisturbed.slice(0, 16)}`);
  const shape = ['--devices', 'cpu:2', '--replan', 'auto', '--max-restarts', '3', '--heartbeat-seconds', '5'];
  const enemies = new Enemies(ground);
  const run = new BesiegedRun(ground, [...ground.settings, ...settings, ...ground.listening, ...shape], {
    hasLeftovers: enemiesHere.has('leftovers'),
    isOutputFull: enemiesHere.has('full'),
  });
  if (enemiesHere.has('floods')) enemies.flood([new URL(ground.url).host]);
  await run.until(() => run.has('worker.joined'));
  if (enemiesHere.has('floods')) enemies.flood(enemies.portsOfRun);
  await run.until(() => run.step >= 0);
  if (enemiesHere.has('ringers')) enemies.ring();
  const liars = enemiesHere.has('liars') ? lies.map((lie) => enemies.lie(lie)) : [];
  const resumes = enemiesHere.has('resumes') ? [enemies.resume(run.folder), enemies.resume(run.folder)] : [];
  // Whoever takes its place has to get in through the flood.
  await run.until(() => run.step >= steps / 5);
  run.killWorker();
  await run.judge(undisturbed);
  await enemies.withdraw();
  await Promise.all([...resumes, ...liars]);
  const counts = counted(run.events.map(({ type }) => type));
  ground.say(counts.map(([type, n]) => `${type} ${n}`).join(', '));
}

const ground = new HostGround(2);
try {
  await besiege(ground);
} catch (error) {
  ground.problems.push(error instanceof Error ? String(error.stack) : String(error));
} finally {
  if (options.keep !== undefined) cpSync(ground.folder, options.keep, { recursive: true });
  await ground.close();
}
conclude('soak:hostile', ground.problems, 'equal to the undisturbed run, nothing left behind');
