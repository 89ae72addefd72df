// The enemies of a run, each a process of its own on its own host: floods, one who rings at the workers' ports, workers
// that join and lie, and others that would resume its folder. They are started and told of; what they do is theirs.
import { fileURLToPath } from 'node:url';
import { MAIN } from '../../lab/pipetrain.mjs';
import { TOKEN } from '../host-ground.mjs';

/** @typedef {import('../host-ground.mjs').HostGround} HostGround */
/** @typedef {import('../../lab/pipetrain.mjs').End} End */

const script = (/** @type {string} */ name) => fileURLToPath(new URL(name, import.meta.url));

/** New connections a second at each port, of each flood: fewer than a busy machine of two cores can take. */
const RATE = '100';
/** At most: they are asked to end before. */
const SIEGE_SECONDS = '300';

/** What a liar may report (liar.mjs), and in words. */
export const LIES = {
  none: 'no losses at all',
  many: 'fifty losses of a handful',
  squares: 'sums of squares of block 4,000,000,000',
  nan: 'times that are no numbers',
  stuck: 'that its neighbour is gone',
  silent: 'nothing, but that it lives',
};

export class Enemies {
  #ground;
  /** @type {{ child: import('../../lab/pipetrain.mjs').Heard, ended: Promise<unknown> }[]} */
  #started = [];

  /** @param {HostGround} ground */
  constructor(ground) {
    this.#ground = ground;
  }

  /** Floods ports of host 0, from it and from another host. @param {readonly string[]} addresses HOST:PORT */
  flood(addresses) {
    const ports = addresses.map((address) => address.replace(/^.*:/, '')).join(',');
    const args = [
      '--host',
      this.#ground.hosts.addressOf(0),
      '--ports',
      ports,
      '--rate',
      RATE,
      '--seconds',
      SIEGE_SECONDS,
    ];
    for (const host of [0, 1])
      this.#start(`a flood from host ${host} at ${addresses.length} ports`, host, '../flood.mjs', [
        ...args,
        ...['--token', TOKEN],
      ]);
  }

  /** Rings at all ports of host 0, from it and from another host. */
  ring() {
    for (const host of [0, 1])
      this.#start(`a ringer on host ${host}`, host, 'ringer.mjs', [
        ...['--to', this.portsOfRun.join(','), '--token', TOKEN, '--seconds', SIEGE_SECONDS],
      ]);
  }

  /** Lets a worker join that lies; resolves when it is gone. @param {keyof typeof LIES} lie */
  async lie(lie) {
    this.#ground.say(`a worker joins that will report ${LIES[lie]}`);
    const { hosts, url } = this.#ground;
    const args = ['--join', url, '--token', TOKEN, '--lie', lie, '--address', hosts.addressOf(1)];
    /** @type {string[]} */
    const lines = [];
    const onLine = (/** @type {string} */ line) => void lines.push(line);
    const { ended } = this.#ground.onHost(1, process.execPath, [script('liar.mjs'), ...args], {}, onLine);
    const { errors } = await ended;
    const told = Number(/^(\d+) lies/.exec(lines.join())?.[1] ?? 0);
    this.#ground.expect(told > 0, `the liar (${lie}) came to lie: ${lines.join(' ')} ${errors}`);
  }

  /** Would resume the folder of a run that goes on. @param {string} folder */
  async resume(folder) {
    const { end, errors } = await this.#ground.onHost(0, process.execPath, [MAIN, 'resume', folder]).ended;
    const code = /\[(PT_\w+)\]/.exec(errors)?.[1] ?? errors;
    this.#ground.expect(end === 2 && code === 'PT_RUN_HELD', `a resume meanwhile is refused (${end}, ${code})`);
  }

  /** Asks those that still go on to end, and waits until they have. */
  async withdraw() {
    for (const { child } of this.#started) child.kill('SIGTERM');
    await Promise.all(this.#started.map(({ ended }) => ended));
  }

  /** All ports of host 0. */
  get portsOfRun() {
    return this.#ground.hosts.listeners(0);
  }

  /**
   * @param {string} what
   * @param {number} host
   * @param {string} name Of the script.
   * @param {readonly string[]} args
   */
  #start(what, host, name, args) {
    this.#ground.say(`${what} begins`);
    /** @type {string[]} */
    const lines = [];
    const onLine = (/** @type {string} */ line) => void lines.push(line);
    const { child, ended } = this.#ground.onHost(host, process.execPath, [script(name), ...args], {}, onLine);
    const told = ended.then(({ errors }) => this.#ground.say(`${what}: ${lines.join(' ')} ${errors}`));
    this.#started.push({ child, ended: told });
  }
}
