// Damaged frames over sockets, against the open ports of a run that goes on: every connection must be ended by the
// other side.
import { connect } from 'node:net';
import { WebSocket } from 'ws';
import { encodeFrame } from '#dist/engine/comm/frame.js';
import { handshakeHeaders } from '#dist/engine/comm/handshake.js';
import { passOf } from '#dist/engine/protocol/colleagues.js';

/** @typedef {import('./fuzz-run.mjs').FuzzRun} FuzzRun */
/** @typedef {'coordinator' | 'worker'} Target */
/** @typedef {(frames: readonly Uint8Array[]) => Promise<void>} Attack */
/**
 * What opens the ports: the header of whoever has the token, and the secret of the worker.
 * @typedef {{ readonly authorization: string, readonly secret: string }} Keys
 */

/** Damaged frames that one connection sends before it must have been closed. */
export const PER_CONNECTION = 4;
/** A port that is slower than this with one connection hangs; a busy machine is not so slow. */
export const HANG_MS = 30_000;
const AT_ONCE = 24;

/**
 * A frame of the WebSocket protocol, masked with zeros.
 * @param {Uint8Array} payload
 */
function wrapped(payload) {
  const { length } = payload;
  const head =
    length < 126
      ? [0x82, 0x80 | length]
      : length < 65536
        ? [0x82, 0xfe, length >> 8, length & 255]
        : [0x82, 0xff, 0, 0, 0, 0, length >>> 24, (length >> 16) & 255, (length >> 8) & 255, length & 255];
  return Buffer.concat([Buffer.from(head), Buffer.alloc(4), payload]);
}

class Attacker {
  #fuzz;
  #ports;
  #headers;
  #secret;
  /** Milliseconds that the last to be dropped of all peers with a pass had to wait. */
  slowestDrop = 0;

  /**
   * @param {FuzzRun} fuzz
   * @param {Record<Target, number>} ports
   * @param {Keys} keys
   */
  constructor(fuzz, ports, { authorization, secret }) {
    this.#fuzz = fuzz;
    this.#ports = ports;
    this.#headers = { ...handshakeHeaders(undefined), authorization };
    this.#secret = secret;
  }

  /** The request that begins a connection. */
  request(path = '/') {
    const lines = [
      `GET ${path} HTTP/1.1`,
      'Host: 127.0.0.1',
      'Connection: Upgrade',
      'Upgrade: websocket',
      'Sec-WebSocket-Version: 13',
      'Sec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==',
      ...Object.entries(this.#headers).map(([name, value]) => `${name}: ${value}`),
    ];
    return Buffer.from(`${lines.join('\r\n')}\r\n\r\n`);
  }

  /**
   * Sends bytes past the protocol; resolves when the other side has ended the connection.
   * @param {Target} target
   * @param {readonly Uint8Array[]} chunks
   * @returns {Promise<void>}
   */
  raw(target, chunks) {
    return new Promise((resolve) => {
      const socket = connect(this.#ports[target], '127.0.0.1', () => {
        for (const chunk of chunks) socket.write(chunk);
        // Half a request is cut by the time limit of strangers, which would make this slow: a stranger that goes must
        // do.
        socket.end();
      });
      const timer = setTimeout(() => {
        this.#fuzz.failures.push(`${target}: a connection hangs`);
        socket.destroy();
      }, 3 * HANG_MS);
      socket
        .resume()
        .on('error', () => undefined)
        .once('close', () => {
          clearTimeout(timer);
          resolve();
        });
    });
  }

  /**
   * Sends frames with the token of the run, or to a worker with the pass of a colleague; resolves when the other side
   * has ended the connection.
   * @param {Target} target
   * @param {{ readonly name: string } | null} hello
   * @param {readonly Uint8Array[]} frames
   * @returns {Promise<void>}
   */
  authenticated(target, hello, frames) {
    const name = hello?.name ?? 'w9';
    const headers = target === 'worker' ? handshakeHeaders(passOf(this.#secret, name), name) : this.#headers;
    const began = performance.now();
    return new Promise((resolve) => {
      const socket = new WebSocket(`ws://127.0.0.1:${this.#ports[target]}`, { headers });
      const timer = setTimeout(() => {
        const first = Buffer.from(frames[0] ?? []).toString('hex');
        this.#fuzz.failures.push(`${target}: a peer that sends damaged frames is not dropped (${first.slice(0, 80)})`);
        socket.terminate();
      }, HANG_MS);
      socket
        .on('error', () => undefined)
        .once('close', () => {
          clearTimeout(timer);
          this.slowestDrop = Math.max(this.slowestDrop, performance.now() - began);
          resolve();
        });
      socket.once('open', () => {
        if (hello !== null) socket.send(encodeFrame({ ...hello, type: 'hello' }));
        for (const frame of frames) socket.send(frame);
      });
    });
  }
}

/**
 * @param {FuzzRun} fuzz
 * @param {Attacker} attacker
 * @returns {Record<string, Attack>}
 */
function attacksOf(fuzz, attacker) {
  const { dice } = fuzz;
  let numJoiners = 0;
  /** Whoever was cut off once does not come again under its name. */
  const joiner = () => ({ name: `joiner ${++numJoiners}`, role: 'join', host: 'somewhere', pid: numJoiners });
  const strangers = ['w0', 'w1', 'nobody'].map((name) => ({ name }));
  const colleagues = ['w7', 'w8', 'w9'].map((name) => ({ name }));
  const anyTarget = () => dice.pick(/** @type {const} */ (['coordinator', 'worker']));
  const requests = () => [attacker.request(), attacker.request('/x'.repeat(20))];
  return {
    'before the token, raw bytes': (frames) => attacker.raw(anyTarget(), frames),
    'a damaged request': (frames) => attacker.raw(anyTarget(), [fuzz.mutated(requests()), ...frames]),
    'frames of the socket protocol damaged': (frames) =>
      attacker.raw(anyTarget(), [attacker.request(), ...frames.map((frame) => fuzz.mutated([wrapped(frame)]))]),
    'no hello but damaged frames': (frames) => attacker.authenticated(anyTarget(), null, frames),
    'damaged reports to the coordinator': (frames) =>
      attacker.authenticated('coordinator', dice.pick([...strangers, joiner(), joiner()]), frames),
    'damaged doorbells to a worker': (frames) => attacker.authenticated('worker', dice.pick(colleagues), frames),
  };
}

/**
 * Sends `count` damaged frames or a few more; returns how many.
 * @param {FuzzRun} fuzz
 * @param {Record<Target, number>} ports
 * @param {Keys} keys
 * @param {number} count
 */
export async function fuzzPorts(fuzz, ports, keys, count) {
  const attacker = new Attacker(fuzz, ports, keys);
  const attacks = Object.entries(attacksOf(fuzz, attacker)).map(([name, strike]) => ({
    name,
    strike,
    sent: 0,
  }));
  const memory = fuzz.memoryWatch();
  let numSent = 0;
  let numConnections = 0;
  const attackOn = async () => {
    while (numSent < count && fuzz.failures.length === 0) {
      const attack = attacks[numConnections++ % attacks.length];
      if (attack === undefined) return;
      const frames = Array.from({ length: PER_CONNECTION }, () => fuzz.damaged().bytes);
      numSent += PER_CONNECTION;
      attack.sent += PER_CONNECTION;
      await attack.strike(frames);
      if (numSent > count / 5) memory.begin();
      if (numSent % 20_000 < PER_CONNECTION) fuzz.say(`${numSent} frames over sockets`);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, attackOn));
  fuzz.say(`sockets: ${attacks.map(({ name, sent }) => `${name} ${sent}`).join(', ')}; ${memory.end()}`);
  fuzz.say(`the slowest drop of a peer with a pass took ${attacker.slowestDrop.toFixed(0)} ms`);
  return numSent;
}
