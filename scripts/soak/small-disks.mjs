// Small file systems of its own for the memory and the folder of a run, where this machine lets a process have them:
// those can be filled without harm to anybody. One process holds the name space in which they are mounted, and with it
// the file systems, while the storm goes on in it; everything else reaches them through its /proc/PID/root.
import { spawn, spawnSync } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { scratchFolder } from '../lab/scratch.mjs';

const MOUNT = 'mount -t tmpfs -o size=24m tmpfs "$1" && mount -t tmpfs -o size=192m tmpfs "$2" && shift 2 && exec "$@"';

/**
 * @typedef {object} SmallDisks
 * @property {string} memory Path inside the name space, for shared memory.
 * @property {string} disk Path inside the name space, for run folders.
 * @property {import('../lab/pipetrain.mjs').Launch} launch Starts a command in the name space.
 * @property {(path: string) => string} seenFromHere
 * @property {() => void} close
 */

/**
 * Mounts them below `folder`; null where the machine does not let us.
 * @param {string} folder
 * @returns {Promise<SmallDisks | null>}
 */
export async function mountSmallDisks(folder) {
  const [memory, disk] = [scratchFolder('memory', folder), scratchFolder('disk', folder)];
  const isolated = (/** @type {string[]} */ ...command) => ['-rm', 'sh', '-c', MOUNT, 'sh', memory, disk, ...command];
  if (process.platform !== 'linux' || spawnSync('unshare', isolated('true')).status !== 0) return null;
  const holder = spawn('unshare', isolated('sleep', 'infinity'), { stdio: 'ignore', detached: true });
  await sleep(500);
  const enter = ['-t', String(holder.pid), '-U', '-m', '--preserve-credentials'];
  return {
    memory,
    disk,
    // nsenter becomes the command: its process is that of the command.
    launch: (command, args, options) => spawn('nsenter', [...enter, command, ...args], options),
    seenFromHere: (path) => `/proc/${holder.pid}/root${path}`,
    close: () => void holder.kill('SIGKILL'),
  };
}
