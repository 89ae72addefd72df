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
const getsockopt = libc.func('int getsockopt(int, int, int, _Out_ uint8_t *, _Inout_ uint8_t *)');
/** The same numbers on x86-64 and on ARM. */
const PIDFD_OPEN = 434;
const PIDFD_GETFD = 438;
const SHUT_RDWR = 2;

const SOL_SOCKET = 1;
const SO_PEERCRED = 17;

/**
 * The sockets of a process: their descriptors, by the number that the system has for each.
 * @param {number} pid
 */
function socketsOf(pid) {
  /** @type {Map<string, number>} */
  const found = new Map();
  for (const fd of readdirSync(`/proc/${pid}/fd`)) {
    try {
      const inode = /^socket:\[(\d+)\]$/.exec(readlinkSync(`/proc/${pid}/fd/${fd}`))?.[1];
      if (inode !== undefined) found.set(inode, Number(fd));
    } catch {
      // closed meanwhile
    }
  }
  return found;
}

/**
 * What the system tells of TCP sockets in a state (of a process's network).
 * @param {number} pid
 * @param {'01' | '0A'} wanted Established, or listening.
 */
function tcpOf(pid, wanted) {
  const own = socketsOf(pid);
  const portOf = (/** @type {string} */ address) => parseInt(address.split(':')[1] ?? '', 16);
  return readFileSync(`/proc/${pid}/net/tcp`, 'utf8')
    .split('\n')
    .slice(1)
    .flatMap((line) => {
      const [, local = '', remote = '', state, , , , , , inode = ''] = line.trim().split(/\s+/);
      const fd = own.get(inode);
      return state !== wanted || fd === undefined ? [] : [{ fd, local: portOf(local), remote: portOf(remote) }];
    });
}

/**
 * A descriptor of a TCP connection between two processes that the first of them has.
 * @param {number} a
 * @param {number} b
 */
function tcpBetween(a, b) {
  const others = tcpOf(b, '01');
  return tcpOf(a, '01').find(({ local, remote }) =>
    others.some((other) => other.local === remote && other.remote === local),
  )?.fd;
}

/**
 * Lends a descriptor of another process out for as long as `use` takes.
 * @template T
 * @param {number} pid
 * @param {number} fd
 * @param {(copy: number) => T} use
 */
function withDescriptor(pid, fd, use) {
  const process = Number(syscall(PIDFD_OPEN, pid, 0, 0));
  const copy = Number(syscall(PIDFD_GETFD, process, fd, 0));
  try {
    if (process < 0 || copy < 0) throw new Error('this kernel does not lend out descriptors of other processes');
    return use(copy);
  } finally {
    close(copy);
    close(process);
  }
}

/**
 * A descriptor of a connection over the file system whose other end the second process opened, or listened for.
 * @param {number} a
 * @param {number} b
 */
function localBetween(a, b) {
  const named = readFileSync(`/proc/${a}/net/unix`, 'utf8').split('\n');
  const all = new Set(named.map((line) => line.trim().split(/\s+/)[6] ?? ''));
  for (const [inode, fd] of socketsOf(a)) {
    if (!all.has(inode)) continue;
    // pid, uid, gid of the other side
    const credentials = Buffer.alloc(12);
    const length = Buffer.from(Uint32Array.of(credentials.length).buffer);
    const status = withDescriptor(a, fd, (copy) =>
      Number(getsockopt(copy, SOL_SOCKET, SO_PEERCRED, credentials, length)),
    );
    if (status === 0 && credentials.readInt32LE(0) === b) return fd;
  }
  return undefined;
}

/**
 * Shuts a connection between two processes down: a copy of the one's descriptor is taken and used, as a broken network
 * would; both live on.
 * @param {number} a
 * @param {number} b
 */
export function cutConnection(a, b) {
  const fd = localBetween(a, b) ?? tcpBetween(a, b);
  if (fd === undefined) throw Object.assign(new Error(`no connection between ${a} and ${b}`), { code: 'ESRCH' });
  withDescriptor(a, fd, (copy) => Number(shutdown(copy, SHUT_RDWR)));
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
  const ports = new Set(tcpOf(coordinator, '0A').map(({ local }) => local));
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
