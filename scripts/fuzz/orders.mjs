// Workers that are given damaged orders by a coordinator: each says what is wrong and ends.
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { WebSocketServer } from 'ws';
import { listen } from '#dist/engine/comm/listen.js';
import { HANG_MS, PER_CONNECTION } from './ports.mjs';

/** @typedef {import('./fuzz-run.mjs').FuzzRun} FuzzRun */
/** @typedef {import('ws').WebSocket} WebSocket */

/** What ws does not declare: the last step of an upgrade. */
const upgrading = /** @type {{ completeUpgrade: (this: unknown, ...args: unknown[]) => unknown }} */ (
  /** @type {unknown} */ (WebSocketServer.prototype)
);

const WORKER = fileURLToPath(new URL('../../dist/engine/worker/worker-main.js', import.meta.url));

/** What an invitation says besides, where nobody comes by another way. */
const ADDRESS = { local: null, pass: null, host: null };

/** Collects the sockets of all connections that come, until it is stopped. */
function collectSockets() {
  /** @type {Set<WebSocket>} */
  const sockets = new Set();
  const { completeUpgrade } = upgrading;
  upgrading.completeUpgrade = function (...args) {
    const done = /** @type {(socket: WebSocket, ...rest: unknown[]) => void} */ (args.pop());
    return completeUpgrade.call(this, ...args, (/** @type {[WebSocket, ...unknown[]]} */ ...given) => {
      sockets.add(given[0]);
      done(...given);
    });
  };
  return { sockets, stop: () => (upgrading.completeUpgrade = completeUpgrade) };
}

/**
 * Starts one worker and sends it damaged orders; resolves to its exit code or signal.
 * @param {FuzzRun} fuzz
 */
async function orderWorker(fuzz) {
  const { sockets, stop } = collectSockets();
  const listener = await listen({
    token: 'secret',
    onPeer(peer) {
      peer.onError(() => undefined);
      // Past the encoder, which sends nothing damaged.
      for (const socket of sockets)
        for (let n = 0; n < PER_CONNECTION; n++) socket.send(fuzz.damaged().bytes, { binary: true });
    },
  });
  const child = spawn(process.execPath, [WORKER], { stdio: ['pipe', 'ignore', 'ignore'] });
  child.stdin.write(
    `${JSON.stringify({ ...ADDRESS, url: listener.url, token: 'secret', worker: 'w9', own: null, run: null })}\n`,
  );
  const timer = setTimeout(() => child.kill('SIGKILL'), 4 * HANG_MS);
  /** @type {number | NodeJS.Signals | null} */
  const end = await new Promise((resolve) => child.once('close', (code, signal) => resolve(signal ?? code)));
  clearTimeout(timer);
  stop();
  await listener.close();
  return end;
}

/**
 * @param {FuzzRun} fuzz
 * @param {number} count
 */
export async function fuzzWorkers(fuzz, count) {
  const ends = [];
  for (let i = 0; i < count; i++) {
    const end = await orderWorker(fuzz);
    ends.push(end);
    if (typeof end === 'string' || end === 0)
      fuzz.failures.push(`a worker that was given damaged orders ended with ${end}`);
  }
  fuzz.say(`workers with damaged orders ended with ${ends.join(' ')}`);
}
