// Hosts out of network namespaces: each has a network, a host name and shared memory of its own, and a cable to a
// switch that may be pulled. They are made and removed by this alone; nothing outside of them is touched, and their
// addresses exist in them only.
import { spawn, spawnSync } from 'node:child_process';

const NETWORK = '10.211.7';
/** The processes of a host see its network, and a memory file system that nobody else sees. */
const INSIDE = 'hostname "$1" && mount -t tmpfs -o size=512m tmpfs /dev/shm && shift && exec "$@"';

/** @param {string[]} args */
function ip(...args) {
  const { status, stderr, error } = spawnSync('ip', args, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`ip ${args.join(' ')}: ${error?.message ?? stderr.trim()}`);
}

export class Hosts {
  #prefix = `pt${process.pid}`;
  /** @type {string[]} */
  #names = [];

  /** Why this machine lets nobody make hosts, or null. */
  static obstacle() {
    if (process.platform !== 'linux') return 'network namespaces exist on Linux only';
    if (process.getuid?.() !== 0) return 'network namespaces take root';
    const probe = `pt${process.pid}x`;
    try {
      ip('netns', 'add', probe);
      const { status, stderr } = spawnSync(
        'ip',
        ['netns', 'exec', probe, 'unshare', '--mount', '--uts', 'sh', '-c', INSIDE, 'sh', probe, 'true'],
        { encoding: 'utf8' },
      );
      return status === 0 ? null : stderr.trim();
    } catch (error) {
      return error instanceof Error ? error.message : String(error);
    } finally {
      spawnSync('ip', ['netns', 'del', probe]);
    }
  }

  /**
   * Makes hosts; the first one has the switch that the cables of the others end in.
   * @param {number} count
   */
  constructor(count) {
    try {
      for (let i = 0; i < count; i++) {
        const name = this.#nameOf(i);
        ip('netns', 'add', name);
        this.#names.push(name);
        ip('-n', name, 'link', 'set', 'lo', 'up');
        if (i === 0) {
          ip('-n', name, 'link', 'add', 'switch', 'type', 'bridge');
          ip('-n', name, 'addr', 'add', `${this.addressOf(0)}/24`, 'dev', 'switch');
          ip('-n', name, 'link', 'set', 'switch', 'up');
          continue;
        }
        ip('-n', name, 'link', 'add', 'eth0', 'type', 'veth', 'peer', 'name', `cable${i}`, 'netns', this.#nameOf(0));
        ip('-n', this.#nameOf(0), 'link', 'set', `cable${i}`, 'master', 'switch', 'up');
        ip('-n', name, 'addr', 'add', `${this.addressOf(i)}/24`, 'dev', 'eth0');
        ip('-n', name, 'link', 'set', 'eth0', 'up');
      }
    } catch (error) {
      this.close();
      throw error;
    }
  }

  /** @param {number} host */
  addressOf(host) {
    return `${NETWORK}.${host + 1}`;
  }

  /**
   * Pulls the cable of a host, or puts it back.
   * @param {number} host
   * @param {boolean} isIn
   */
  setCable(host, isIn) {
    ip('-n', this.#nameOf(0), 'link', 'set', `cable${host}`, isIn ? 'up' : 'down');
  }

  /**
   * Lets what two hosts send to each other get lost, or arrive again; both reach everybody else all the time.
   * @param {number} one
   * @param {number} other
   * @param {boolean} isOpen
   */
  setPath(one, other, isOpen) {
    for (const { from, to } of [
      { from: one, to: other },
      { from: other, to: one },
    ])
      if (isOpen) ip('-n', this.#nameOf(from), 'neigh', 'del', this.addressOf(to), 'dev', 'eth0');
      else
        ip(
          '-n',
          this.#nameOf(from),
          'neigh',
          'replace',
          this.addressOf(to),
          'lladdr',
          '02:00:00:00:00:01',
          'nud',
          'permanent',
          'dev',
          'eth0',
        );
  }

  /**
   * Starts processes on a host. Each becomes the command itself, so its process is that of the command.
   * @param {number} host
   * @returns {import('../lab/pipetrain.mjs').Launch}
   */
  launch(host) {
    const inside = ['netns', 'exec', this.#nameOf(host), 'unshare', '--mount', '--uts', 'sh', '-c', INSIDE, 'sh'];
    return (command, args, options) => spawn('ip', [...inside, `host${host}`, command, ...args], options);
  }

  /**
   * Addresses on which processes of a host listen, HOST:PORT.
   * @param {number} host
   */
  listeners(host) {
    const { stdout } = spawnSync('ip', ['netns', 'exec', this.#nameOf(host), 'ss', '-ltnH'], { encoding: 'utf8' });
    return stdout.split('\n').flatMap((line) => line.trim().split(/\s+/)[3] ?? []);
  }

  /** Names of namespaces that are still there. */
  left() {
    return spawnSync('ip', ['netns', 'list'], { encoding: 'utf8' })
      .stdout.split('\n')
      .filter((line) => line.startsWith(this.#prefix));
  }

  /** Removes the hosts, whose processes must have ended. */
  close() {
    for (const name of this.#names.splice(0).reverse()) spawnSync('ip', ['netns', 'del', name]);
  }

  /** @param {number} host */
  #nameOf(host) {
    return `${this.#prefix}h${host}`;
  }
}
