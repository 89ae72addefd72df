// A worker that lies: loaded before the program (node --import), it lets the real worker of this process join and
// compute, and falsifies what that reports from a step on. LIE names how: none, many, squares, nan, stuck, silent.
import { WebSocket } from 'ws';
import { decodeFrame, encodeFrame } from '#dist/engine/comm/frame.js';

/** @typedef {Record<string, unknown> & { type: string }} Message */

/** Step reports that are true before the first lie. */
const HONEST = 3;

/** @type {Readonly<Record<string, (report: Message) => Message | null>>} */
const LIES = {
  none: (report) => ({ ...report, losses: [] }),
  many: (report) => ({ ...report, losses: Array.from({ length: 50 }, (_, micro) => ({ micro, loss: 1 })) }),
  squares: (report) => ({ ...report, squares: [{ block: 4_000_000_000, fromChunk: 0, values: [1] }] }),
  nan: (report) => ({ ...report, computeMs: Number.NaN, spans: [Number.POSITIVE_INFINITY, -1] }),
  stuck: () => ({ type: 'stuck', message: 'the neighbour is gone', about: 'w0' }),
  silent: () => null,
};
const lie = LIES[process.env['LIE'] ?? ''];

if (lie !== undefined) {
  const sockets = /** @type {Record<'send', (...args: unknown[]) => unknown>} */ (
    /** @type {unknown} */ (WebSocket.prototype)
  );
  const { send } = sockets;
  let numReports = 0;
  sockets.send = function (...args) {
    const [data] = args;
    if (!(data instanceof Uint8Array) || data.length > 65536) return send.apply(this, args);
    const message = /** @type {Message} */ (decodeFrame(data));
    if (message.type !== 'step-ready' || ++numReports <= HONEST) return send.apply(this, args);
    const told = lie(message);
    return told === null ? undefined : send.apply(this, [encodeFrame(told), ...args.slice(1)]);
  };
}
