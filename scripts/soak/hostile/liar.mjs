// A worker that lies: a real one joins through this process, which falsifies what it reports of its steps from the
// fourth on. It computes, rings and writes like any other. Usage: node liar.mjs --join ws://HOST:PORT --token TEXT
// --lie NAME --address ADDRESS, the last being where other workers reach this host.
import { parseArgs } from 'node:util';
import { dial } from '#dist/engine/comm/dial.js';
import { listen } from '#dist/engine/comm/listen.js';
import { fail } from '../../lab/command-line.mjs';
import { MAIN, started } from '../../lab/pipetrain.mjs';

/** @typedef {import('#dist/engine/comm/frame.js').Message} Message */
/** @typedef {(report: Message) => Message | null} Lie */

const { values: options } = parseArgs({
  options: {
    join: { type: 'string', default: '' },
    token: { type: 'string', default: '' },
    lie: { type: 'string', default: '' },
    address: { type: 'string', default: '' },
  },
});
const HONEST_STEPS = 3;
/** @type {Readonly<Record<string, Lie>>} */
const LIES = {
  none: (report) => ({ ...report, losses: [] }),
  many: (report) => ({ ...report, losses: Array.from({ length: 50 }, (_, micro) => ({ micro, loss: 1 })) }),
  squares: (report) => ({ ...report, squares: [{ block: 4_000_000_000, fromChunk: 0, values: [1] }] }),
  nan: (report) => ({ ...report, computeMs: Number.NaN, spans: [Number.POSITIVE_INFINITY, -1] }),
  stuck: () => ({ type: 'stuck', message: 'my neighbour is gone', about: null }),
  silent: () => null,
};
const lie = LIES[options.lie] ?? fail(`there is no lie "${options.lie}"`);
const { join: url, token } = options;

let numSteps = 0;
const told = (/** @type {Message} */ report) =>
  report.type === 'step-ready' && ++numSteps > HONEST_STEPS ? lie(report) : report;
const between = await listen({
  token,
  onPeer(worker, hello) {
    dial(url, { token, hello }).then(
      (coordinator) => {
        coordinator.onMessage((order) => worker.send(order));
        worker.onMessage((report) => {
          const words = told(report);
          if (words !== null) coordinator.send(words);
        });
        coordinator.onClose((reason) => worker.close(reason));
        worker.onClose((reason) => coordinator.close(reason));
        for (const peer of [coordinator, worker]) peer.onError((error) => peer.close(error.message));
      },
      (/** @type {unknown} */ error) => worker.close(String(error)),
    );
  },
});
const { end, errors } = await started(process.execPath, [
  ...[MAIN, 'worker', '--join', between.url, '--token', token, '--name', `liar-${options.lie}`],
  ...['--listen', `${options.address}:0`, '--retry-seconds', '0'],
]).ended;
await between.close();
console.log(`${numSteps - HONEST_STEPS} lies; its worker ended with ${end}: ${errors.split('\n').at(-3) ?? ''}`);
