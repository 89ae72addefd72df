// One run over several hosts from its start to its end: a pipeline over two hosts, then replicas; a cable pulled and
// put back, a worker killed, one that leaves, one with a wrong token.
import { join } from 'node:path';
import { EventFile } from '#dist/engine/events/event-file.js';
import { eventsOf } from '#dist/engine/events/summary.js';
import { shapesOf, signal } from './host-ground.mjs';

/** @typedef {import('./host-ground.mjs').HostGround} HostGround */
/** @typedef {import('./host-ground.mjs').RunEvent} RunEvent */
/** @typedef {import('./host-ground.mjs').Process} Process */
/** @typedef {import('./host-ground.mjs').End} End */

/** Something that is done when its moment has come. @typedef {{ when: () => boolean, act: () => void }} Act */

/** What the story knows of the run that it disturbs. */
class Scene {
  step = 0;
  frozen = 0;
  /** Types of events since the last act. @type {string[]} */
  news = [];
  /** @type {Map<string, Extract<RunEvent, { type: 'worker.joined' }>>} */
  #workers = new Map();
  /** @type {readonly string[]} */
  #seated = [];

  /** @param {RunEvent} event */
  hear(event) {
    this.news.push(event.type);
    if (event.type === 'step') this.step = event.step;
    if (event.type === 'worker.joined') this.#workers.set(event.worker, event);
    if (event.type !== 'plan.made') return;
    this.#seated = event.stages.map(({ worker }) => worker);
    this.frozen = event.frozen;
  }

  /** The process of the worker of a host that has a seat. @param {number} host */
  seated(host) {
    const worker = this.#seated.find((name) => this.#workers.get(name)?.origin?.host === `host${host}`);
    return worker === undefined ? undefined : this.#workers.get(worker)?.pid;
  }
}

/** What of an event is worth a line. @param {RunEvent} event */
function lineOf(event) {
  switch (event.type) {
    case 'transition':
      return (
        `${shapesOf(event)}, ${event.frozen} blocks frozen, ${(event.movedBytes / 1e6).toFixed(2)} MB moved in ` +
        `${(event.seconds * 1000).toFixed(0)} ms`
      );
    case 'recovered':
      return (
        `recovered from the loss of ${event.lost.join(', ')} in ${event.seconds.toFixed(2)} s, ` +
        `back to step ${event.fromStep}`
      );
    case 'worker.lost':
      return `${event.type} ${event.worker} ${event.reason}`;
    case 'worker.left':
      return `${event.type} ${event.worker}`;
    case 'warning':
      return `${event.type} ${event.message}`;
    case 'checkpoint.failed':
    case 'peer.dropped':
      return `${event.type} ${event.reason}`;
    default:
      return null;
  }
}

/**
 * The acts, in order.
 * @param {HostGround} ground
 * @param {Scene} scene
 * @param {Promise<End>[]} ends Of the workers that joined.
 * @param {(text: string) => void} tell
 * @returns {Act[]}
 */
function actsOf(ground, scene, ends, tell) {
  const { hosts, url } = ground;
  const isBack = () => scene.news.includes('recovered');
  /** @type {Process | null} */
  let guest = null;
  return [
    {
      when: () => scene.seated(1) !== undefined,
      act() {
        hosts.setCable(1, false);
        tell('the cable of host 1 is pulled');
      },
    },
    {
      when: isBack,
      act() {
        hosts.setCable(1, true);
        tell('the cable of host 1 is in again');
      },
    },
    {
      when: () => scene.seated(1) !== undefined,
      act() {
        process.kill(scene.seated(1) ?? 0, 'SIGKILL');
        tell('the worker of host 1 is killed');
      },
    },
    {
      when: isBack,
      act() {
        guest = ground.join(2, url);
        ends.push(guest.ended);
        tell('host 2 joins');
      },
    },
    {
      when: () => scene.frozen > 0 && scene.seated(2) !== undefined,
      act() {
        guest?.child.kill('SIGTERM');
        tell('the worker of host 2 is asked to leave');
      },
    },
    {
      when: () => scene.news.includes('worker.left'),
      act() {
        ends.push(ground.join(1, url).ended);
        tell('host 1 joins again');
      },
    },
  ];
}

/**
 * @param {HostGround} ground
 * @param {{ steps: number, pause: number }} options `pause`: steps between an event and what is done about it.
 */
export async function tellStory(ground, { steps, pause }) {
  const freezing = `${Math.round(steps * 0.6)}:1,${Math.round(steps * 0.85)}:2`;
  const args = ['--steps', String(steps), '--freeze', 'manual', '--freeze-schedule', freezing];
  ground.say(`${steps} steps, undisturbed`);
  const undisturbed = await ground.reference('undisturbed', args);
  ground.say('the same over three hosts');

  const scene = new Scene();
  /** @type {Promise<End>[]} */
  const ends = [];
  let last = 0;
  const tell = (/** @type {string} */ text) => {
    last = scene.step;
    ground.say(`step ${String(scene.step).padStart(5)}  ${text}`);
  };
  const acts = actsOf(ground, scene, ends, tell);
  const opened = signal();
  const shape = ['--devices', 'cpu:1', '--replicas', '1', '--verify-cache'];
  const run = ground.train(0, 'disturbed', [...args, ...ground.listening, ...shape], (event) => {
    scene.hear(event);
    const line = lineOf(event);
    if (line !== null) tell(line);
    if (event.type !== 'step') return;
    if (event.step > 20) opened.give();
    if (scene.step - last <= pause || acts[0]?.when() !== true) return;
    scene.news = [];
    acts.shift()?.act();
  });
  await Promise.race([opened.given, run.ended]);
  const wrong = ground.join(1, ground.url, [], 'another token');
  ends.push(ground.join(1, ground.url).ended);
  const refused = await wrong.ended;
  ground.expect(refused.end === 2 && /PT_TOKEN/.test(refused.errors), `a wrong token is refused (exit ${refused.end})`);
  ground.expectEnd('the run over three hosts', await run.ended);
  ground.expect(
    acts.length === 0,
    `all that was to happen happened${acts.length === 0 ? '' : `: ${acts.length} acts did not, the run was too short`}`,
  );
  const events = new EventFile(join(ground.folder, 'disturbed', 'events.jsonl'));
  const shapes = eventsOf(events, 'transition').map(({ to }) => `${to.K}x${to.R}`);
  ground.expect(
    shapes.includes('2x1') && shapes.includes('1x2'),
    `it was a pipeline over hosts and replicas over hosts: ${shapes.join(', ')}`,
  );
  const recoveries = eventsOf(events, 'recovered').map(({ seconds }) => `${seconds.toFixed(2)} s`);
  ground.expect(recoveries.length >= 2, `it recovered: ${recoveries.join(', ')}`);
  ground.expectHashes('disturbed', undisturbed);
  ground.say(`hosts' workers end with ${(await Promise.all(ends)).map(({ end }) => end).join(', ')}`);
}
