// The run that is besieged: started on host 0 as a user without rights, heard through the file of its events (its
// standard output is on a full disk), and judged at its end. Who besieges it is not its business.
import { chmodSync, chownSync, existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { EventFile } from '#dist/engine/events/event-file.js';
import { lastOfEach } from '../../lab/command-line.mjs';
import { MAIN, pipetrain } from '../../lab/pipetrain.mjs';
import { TOKEN } from '../host-ground.mjs';
import { besiegedShell, changesIn } from './leftovers.mjs';

/** @typedef {import('../../lab/pipetrain.mjs').RunEvent} RunEvent */
/** @typedef {import('../../lab/pipetrain.mjs').End} End */
/** @typedef {import('../host-ground.mjs').HostGround} HostGround */

/** The user nobody. */
const UID = 65534;
const LOOK_MS = 100;

export class BesiegedRun {
  /** @type {RunEvent[]} */
  events = [];
  folder;
  #ground;
  #report;
  /** @type {Promise<End>} */
  #ended;
  #isOver = false;

  /**
   * @param {HostGround} ground
   * @param {readonly string[]} args
   * @param {{ hasLeftovers: boolean, isOutputFull: boolean }} siege
   */
  constructor(ground, args, siege) {
    this.#ground = ground;
    // What the run may write: a folder of its own user.
    chmodSync(ground.folder, 0o755);
    const home = join(ground.folder, 'home');
    mkdirSync(home);
    chownSync(home, UID, UID);
    this.folder = join(home, 'besieged');
    this.#report = join(ground.folder, 'report');
    const script = besiegedShell({ uid: UID, report: this.#report, ...siege });
    const files = ['--program-cache', join(home, 'programs'), '--out', this.folder];
    const command = [process.execPath, MAIN, 'train', ...lastOfEach([...args, ...files])];
    this.#ended = ground.onHost(0, 'sh', ['-c', script, 'sh', ...command], {
      HOME: home,
      PIPETRAIN_TOKEN: TOKEN,
    }).ended;
    void this.#ended.then(() => (this.#isOver = true));
  }

  /** The last step that its events tell of, or -1. */
  get step() {
    const last = this.events.findLast(({ type }) => type === 'step');
    return last !== undefined && 'step' in last ? last.step : -1;
  }

  /** @param {RunEvent['type']} type */
  has(type) {
    return this.events.some((event) => event.type === type);
  }

  /** Resolves when that holds, or the run is over. @param {() => boolean} holds */
  async until(holds) {
    for (;;) {
      this.#look();
      if (holds() || this.#isOver) return;
      await sleep(LOOK_MS);
    }
  }

  /** Kills the worker that the run started last. */
  killWorker() {
    const last = this.events.findLast((event) => event.type === 'worker.joined' && event.origin === undefined);
    if (last === undefined || !('pid' in last)) return;
    this.#ground.say(`worker ${last.worker} is killed`);
    try {
      process.kill(last.pid, 'SIGKILL');
    } catch {
      this.#ground.say('it was gone already');
    }
  }

  get isOver() {
    return this.#isOver;
  }

  /** Waits for the end and tells what is wrong. @param {string} hashes Of the undisturbed run. */
  async judge(hashes) {
    const ground = this.#ground;
    const outcome = await this.#ended;
    this.#look();
    ground.expectEnd('the run', outcome);
    const finished = this.events.filter(({ type }) => type === 'run.finished');
    const found = finished.map((event) => ('lossSha256' in event ? `${event.lossSha256} ${event.weightsSha256}` : ''));
    ground.expect(found.length === 1, `it finished once (${found.length})`);
    ground.expect(found[0] === hashes, `equal to the undisturbed run: losses ${hashes.slice(0, 16)}, not ${found[0]}`);
    const verified = await pipetrain(['verify', this.folder]).ended;
    ground.expect(
      verified.end === 0,
      `verify finds nothing (${verified.end}) ${verified.end === 0 ? '' : verified.errors}`,
    );
    const changes = changesIn(readFileSync(this.#report, 'utf8'));
    ground.expect(changes.length === 0, `the host's memory is as it was ${changes.join(', ')}`);
    const files = readdirSync(this.folder, { recursive: true, encoding: 'utf8' });
    const left = files.filter((file) => /\.(tmp|partial|trash)/.test(file));
    ground.expect(left.length === 0, `nothing unfinished is left in its folder ${left.join(', ')}`);
  }

  #look() {
    const path = join(this.folder, 'events.jsonl');
    if (existsSync(path)) this.events = [...new EventFile(path)];
  }
}
