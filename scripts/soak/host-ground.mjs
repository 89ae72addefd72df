// The ground on which training over several hosts is tried: hosts, a folder, processes that are started on them and
// heard, and what was expected of them. What is tried is in the files beside this one.
import { existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { EventFile } from '#dist/engine/events/event-file.js';
import { eventsOf } from '#dist/engine/events/summary.js';
import { lastOfEach } from '../lab/command-line.mjs';
import { MAIN, pipetrain, started } from '../lab/pipetrain.mjs';
import { scratchFolder } from '../lab/scratch.mjs';
import { stopwatch } from '../lab/stopwatch.mjs';
import { Hosts } from './hosts.mjs';
import { SMALL_VIT } from './settings.mjs';

/** @typedef {import('../lab/pipetrain.mjs').RunEvent} RunEvent */
/** @typedef {import('../lab/pipetrain.mjs').Heard} Heard */
/** @typedef {import('../lab/pipetrain.mjs').End} End */
/** @typedef {{ child: Heard, ended: Promise<End> }} Process */

export const TOKEN = 'what all hosts of this soak have been told';
const PORT = 7000;
const HEARTBEAT_SECONDS = 2;

export class HostGround {
  hosts;
  folder = scratchFolder('hosts');
  /** @type {string[]} */
  problems = [];
  say = stopwatch().say;
  #children = /** @type {Set<Heard>} */ (new Set());
  #settings = [
    ...SMALL_VIT,
    '--eval-every',
    '1000 steps',
    '--replan',
    'off',
    '--program-cache',
    join(this.folder, 'programs'),
  ];

  /** @param {number} numHosts */
  constructor(numHosts) {
    this.hosts = new Hosts(numHosts);
  }

  /** Flags of every run here. */
  get settings() {
    return this.#settings;
  }

  /** The coordinator's, which is on host 0. */
  get url() {
    return `ws://${this.hosts.addressOf(0)}:${PORT}`;
  }

  /** Flags of a run that others may join. */
  get listening() {
    return [
      '--listen',
      `${this.hosts.addressOf(0)}:${PORT}`,
      '--heartbeat-seconds',
      String(HEARTBEAT_SECONDS),
      '--step-timeout-seconds',
      '20',
      '--checkpoint-every',
      '700 steps',
    ];
  }

  /**
   * @param {boolean} isTrue
   * @param {string} text
   */
  expect(isTrue, text) {
    if (!isTrue) this.problems.push(text);
    this.say(`${isTrue ? 'ok  ' : 'FAIL'} ${text}`);
  }

  /**
   * That a run ended well.
   * @param {string} what
   * @param {End} outcome
   */
  expectEnd(what, { end, errors }) {
    this.expect(end === 0, `${what} ends with 0 (${end}) ${end === 0 ? '' : errors}`);
  }

  /**
   * That a run has the hashes of the undisturbed one.
   * @param {string} name
   * @param {string} hashes
   */
  expectHashes(name, hashes) {
    this.expect(
      this.hashesOf(name) === hashes,
      `equal to the undisturbed run: losses ${hashes.slice(0, 16)}, weights ${hashes.slice(65, 81)}`,
    );
  }

  /**
   * Starts a run on a host, or on this machine outside of all hosts (null).
   * @param {number | null} host
   * @param {string} name
   * @param {readonly string[]} args
   * @param {(event: RunEvent) => void} [onEvent]
   */
  train(host, name, args, onEvent = () => undefined) {
    const command = ['train', ...lastOfEach([...this.#settings, ...args]), '--out', join(this.folder, name)];
    return this.#watched(
      pipetrain(command, {
        onEvent,
        ...(host === null ? {} : { launch: this.hosts.launch(host), env: { ...process.env, PIPETRAIN_TOKEN: TOKEN } }),
      }),
    );
  }

  /**
   * Lets a worker of a host join.
   * @param {number} host
   * @param {string} url
   * @param {readonly string[]} [args]
   * @param {string} [token]
   */
  join(host, url, args = [], token = TOKEN) {
    const command = [MAIN, 'worker', '--join', url, '--name', `host${host}`, ...args];
    const env = { ...process.env, PIPETRAIN_TOKEN: token };
    return this.#watched(started(process.execPath, command, { launch: this.hosts.launch(host), env }));
  }

  /**
   * Starts a command on a host.
   * @param {number} host
   * @param {string} command
   * @param {readonly string[]} args
   * @param {NodeJS.ProcessEnv} [env] Besides that of this process.
   * @param {(line: string) => void} [onLine]
   */
  onHost(host, command, args, env = {}, onLine = () => undefined) {
    const launch = this.hosts.launch(host);
    return this.#watched(
      started(command, args, {
        launch: (name, words, given) => launch(name, words, { ...given, env: { ...process.env, ...env } }),
        onLine,
      }),
    );
  }

  /**
   * Everything a stranger gets to hear from a port when it says `text`, until it is cut.
   * @param {number} host
   * @param {string} address HOST:PORT
   * @param {string} text
   */
  async talkTo(host, address, text) {
    const [, to = '', port = ''] = /^(.*):(\d+)$/.exec(address) ?? [];
    const code = [
      `const s = require('net').connect(${port}, '${to}');`,
      "s.setTimeout(8000, () => { console.log('HANGS'); process.exit(); });",
      "s.on('data', (d) => process.stdout.write(d));",
      "s.on('close', () => process.exit());",
      "s.on('error', () => {});",
      `s.write(${JSON.stringify(text)});`,
    ].join('\n');
    let heard = '';
    const launch = this.hosts.launch(host);
    const onLine = (/** @type {string} */ line) => (heard += `${line}\n`);
    await this.#watched(started(process.execPath, ['-e', code], { launch, onLine })).ended;
    return heard;
  }

  /** @param {string} name */
  hashesOf(name) {
    const finished = eventsOf(new EventFile(join(this.folder, name, 'events.jsonl')), 'run.finished').at(-1);
    return finished === undefined ? 'no end' : `${finished.lossSha256} ${finished.weightsSha256}`;
  }

  /**
   * The hashes of the same run by one worker that nobody disturbs.
   * @param {string} name
   * @param {readonly string[]} args
   */
  async reference(name, args) {
    const alone = ['--devices', 'cpu:1', '--cache', 'off', '--dp', 'off'];
    const { end, errors } = await this.train(null, name, [...alone, ...args]).ended;
    if (end !== 0) throw new Error(`the undisturbed run ended with ${end}: ${errors}`);
    return this.hashesOf(name);
  }

  /** Ends what still runs, which is a problem, and removes hosts and folder. */
  async close() {
    for (const child of this.#children) child.kill('SIGKILL');
    await sleep(500);
    const running = this.#children.size;
    this.hosts.close();
    const left = this.hosts.left();
    if (left.length > 0) this.problems.push(`namespaces are left: ${left.join(', ')}`);
    if (running > 0) this.problems.push(`${running} processes had to be killed`);
    rmSync(this.folder, { recursive: true, force: true });
    if (existsSync(this.folder)) this.problems.push(`${this.folder} is left`);
  }

  /** @param {Process} process */
  #watched({ child, ended }) {
    this.#children.add(child);
    return { child, ended: ended.finally(() => this.#children.delete(child)) };
  }
}

/** How a transition reads. @param {Extract<RunEvent, { type: 'transition' }>} event */
export const shapesOf = ({ from, to }) => `${from.K}x${from.R} becomes ${to.K}x${to.R}`;

/** What makes a promise resolve from outside. */
export function signal() {
  /** @type {() => void} */
  let give = () => undefined;
  const given = /** @type {Promise<void>} */ (new Promise((resolve) => (give = resolve)));
  return { given, give };
}
