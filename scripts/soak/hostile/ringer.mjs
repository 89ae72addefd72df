// Somebody who has the token of a run and is none of its workers, as a process of its own: under the names of workers,
// of workers to come and of nobody it rings, writes and asks at every port it is told of. It ends by itself.
// Usage: node ringer.mjs --to HOST:PORT,... --token TEXT --seconds N
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { dial } from '#dist/engine/comm/dial.js';
import { writeTo } from '#dist/engine/comm/remote-write.js';
import { wholeNumber } from '../../lab/command-line.mjs';

const { values: options } = parseArgs({
  options: {
    to: { type: 'string', default: '' },
    token: { type: 'string', default: '' },
    seconds: { type: 'string', default: '10' },
  },
});
const WORKERS = ['w0', 'w1', 'w2', 'w3', 'w4', 'w5'];
const NAMES = [...WORKERS, 'w17', 'coordinator', 'nobody'];
const STEPS_AHEAD = 30;
const addresses = options.to.split(',');
let end = performance.now() + 1000 * wholeNumber('seconds', options.seconds);
/** Of the run. */
const STEPS = 500;
let numAccepted = 0;

/**
 * Every doorbell that a step of two stages may wait for, for many steps in advance.
 * @param {import('#dist/engine/comm/peer.js').Peer} peer
 * @param {number} from Step.
 */
function ringAll(peer, from) {
  const ring = (/** @type {string} */ key) => peer.send({ type: 'bell', key });
  for (let step = from; step < from + STEPS_AHEAD; step++)
    for (const generation of [0, 1, 2])
      for (const stage of [0, 1]) {
        for (const kind of ['G', 'R'])
          for (const worker of WORKERS) ring(`${kind} ${generation} ${step} ${worker} ${stage} ${stage}`);
        for (let micro = 0; micro < 4; micro++)
          for (const kind of ['F', 'B']) ring(`${kind} ${generation} ${step} ${stage} ${micro}`);
      }
  for (let micro = 0; micro < 4; micro++) writeTo(peer, `in ${micro}`, new Float32Array(64).fill(7));
  peer.send({ type: 'fetch', block: 0, part: 'weights', place: 'x', key: 'x' });
}

process.once('SIGTERM', () => void (end = 0));
for (let i = 0; performance.now() < end; i++) {
  const address = addresses[i % addresses.length] ?? '';
  const name = NAMES[i % NAMES.length] ?? '';
  try {
    const peer = await dial(`ws://${address}`, { token: options.token, hello: { name }, timeoutMs: 1000 });
    numAccepted++;
    ringAll(peer, (i * 7) % STEPS);
    await sleep(20);
    peer.close('done');
  } catch {
    // Turned away, as it should be.
  }
  await sleep(5);
}
console.log(`let in ${numAccepted} times`);
