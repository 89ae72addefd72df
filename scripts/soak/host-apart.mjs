// Only two workers cannot hear each other any more; the coordinator hears both.
import { setTimeout as sleep } from 'node:timers/promises';
import { shapesOf, signal } from './host-ground.mjs';

/** @typedef {import('./host-ground.mjs').HostGround} HostGround */

/** That takes far less than the time a step has. */
const STEP_SECONDS = 120;
const NOTICED_SECONDS = 60;

/**
 * @param {HostGround} ground
 * @param {{ steps: number }} options
 */
export async function setApart(ground, { steps }) {
  const length = ['--steps', String(steps)];
  const undisturbed = await ground.reference('aside', length);
  const open = signal();
  const piped = signal();
  const mended = signal();
  let isCut = false;
  const shape = ['--step-timeout-seconds', String(STEP_SECONDS), '--devices', 'cpu:1', '--replicas', '1'];
  const run = ground.train(0, 'apart', [...length, ...ground.listening, ...shape], (event) => {
    if (event.type === 'step') open.give();
    if (event.type === 'transition') ground.say(shapesOf(event));
    if (event.type === 'transition' && event.to.K === 3) piped.give();
    if (event.type === 'worker.lost') ground.say(`${event.type} ${event.worker} ${event.reason}`);
    if (event.type === 'warning') ground.say(`${event.type} ${event.message}`);
    if (event.type === 'recovered' && isCut) mended.give();
  });
  await Promise.race([open.given, run.ended]);
  const ends = [1, 2].map((host) => ground.join(host, ground.url).ended);
  await Promise.race([piped.given, run.ended]);
  await sleep(1000);
  isCut = true;
  const cutAt = performance.now();
  ground.hosts.setPath(1, 2, false);
  ground.say('hosts 1 and 2 do not reach each other any more');
  await Promise.race([mended.given, run.ended]);
  const after = (performance.now() - cutAt) / 1000;
  ground.hosts.setPath(1, 2, true);
  ground.expect(
    after < NOTICED_SECONDS,
    `that is noticed without the step's time being over, and the run goes on, after ${after.toFixed(1)} s`,
  );
  ground.expectEnd('the run', await run.ended);
  ground.expectHashes('apart', undisturbed);
  await Promise.all(ends);
}
