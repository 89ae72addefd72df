// Faults that are done to a run from outside: connections cut while both processes live, disks filled, cache records
// damaged, strangers at the port. They know process ids and folders, and nothing of the engine.
import { closeSync, openSync, readdirSync, readFileSync, readlinkSync, rmSync, writeSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import koffi from 'koffi';

/** @typedef {import('../lab/dice.mjs').Below} Below */

const libc = koffi.load(null);
const syscall = libc.func('long syscall(long, long, long, long)');
const shutdown = libc.func('int shutdown(int, int)');
const close = libc.func('int close(int)');
/** The same numbers on x86-64 and on ARM. */
const PIDFD_OPEN = 434;
const PIDFD_GETFD = 438;
const SHUT_RDWR = 2;

/**
 * A TCP connection of a process, by its ports.
 * @typedef {{ fd: number, local: number, remote: number }} Connection
 */

/**
 * TCP connections of a process that are established.
 * @param {number} pid
 */
function connectionsOf(pid) {
  /** @type {Map<string, { local: number, remote: number }>} */
  const byInode = new Map();
  const portOf = (/** @type {string} */ address) => parseInt(address.split(':')[1] ?? '', 16);
  for (const line of readFileSync(`/proc/${pid}/net/tcp`, 'utf8').split('\n').slice(1)) {
    const [, local = '', remote = '', state, , , , , , inode = ''] = line.trim().split(/\s+/);
    if (state === '01') byInode.set(inode, { local: portOf(local), remote: portOf(remote) });
  }
  /** @type {Connection[]} */
  const found = [];
  for (const fd of readdirSync(`/proc/${pid}/fd`)) {
    try {
      const inode = /^socket:\[(\d+)\]$/.exec(readlinkSync(`/proc/${pid}/fd/${fd}`))?.[1] ?? '';
      const ports = byInode.get(inode);
      if (ports !== undefined) found.push({ fd: Number(fd), ...ports });
    } catch {
      // closed meanwhile
    }
  }
  return found;
}

/**
 * Shuts a TCP connection between two processes down: a copy of the one's descriptor is taken and used, as a broken
 * network would; both live on.
 * @param {number} a
 * @param {number} b
 */
export function cutConnection(a, b) {
  const others = connectionsOf(b);
  const ours = connectionsOf(a).find(({ local, remote }) =>
    others.some((other) => other.local === remote && other.remote === local),
  );
  if (ours === undefined) throw Object.assign(new Error(`no connection between ${a} and ${b}`), { code: 'ESRCH' });
  const process = Number(syscall(PIDFD_OPEN, a, 0, 0));
  const socket = Number(syscall(PIDFD_GETFD, process, ours.fd, 0));
  if (process < 0 || socket < 0) throw new Error('this kernel does not lend out descriptors of other processes');
  shutdown(socket, SHUT_RDWR);
  close(socket);
  close(process);
}

/**
 * Writes four random bytes into every cache of a run.
 * @param {string} memory
 * @param {number} coordinator
 * @param {Below} below
 */
export async function damageCache(memory, coordinator, below) {
  const name = readdirSync(memory).find((entry) => entry.startsWith(`pipetrain-${coordinator}-`));
  if (name === undefined) return;
  for (const entry of readdirSync(join(memory, name)).filter((file) => /^cache\.d\d+$/.test(file))) {
    const file = await open(join(memory, name, entry), 'r+');
    const { size } = await file.stat();
    // Records only: the second half of the file is never header.
    await file.write(
      Buffer.from([below(256), below(256), below(256), below(256)]),
      0,
      4,
      Math.floor(size / 2) + below(Math.floor(size / 2) - 8),
    );
    await file.close();
  }
}

/**
 * Leaves no byte free where `path` lies.
 * @param {string} path
 */
export function fillDisk(path) {
  const file = openSync(path, 'w');
  try {
    for (const size of [65536, 4096, 1])
      try {
        for (;;) if (writeSync(file, Buffer.alloc(size)) < size) break;
      } catch {
        // full for this size
      }
  } finally {
    closeSync(file);
  }
}

export const emptyDisk = (/** @type {string} */ path) => rmSync(path, { force: true });

/**
 * Strangers at every port of the coordinator: rubbish, torn requests, wrong tokens, and nothing at all.
 * @param {number} coordinator
 * @param {Below} below
 */
export async function knock(coordinator, below) {
  const ports = new Set(connectionsOf(coordinator).map(({ local }) => local));
  const words = [
    '\0\0\0\0',
    'GET / HTTP/1.1\r\n\r\n',
    '\x16\x03\x01',
    'GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: ' +
      '13\r\nSec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==\r\nAuthorization: Bearer x\r\n\r\n',
    '',
  ];
  for (const port of ports)
    for (let i = 0; i < 20; i++) {
      const socket = connect(port, '127.0.0.1', () => socket.write(words[below(words.length)] ?? ''));
      socket.on('error', () => undefined);
      setTimeout(() => socket.destroy(), 500);
    }
  await sleep(500);
}
