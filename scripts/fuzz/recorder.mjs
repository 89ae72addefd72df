// The recorder: everything that the coordinator of a run in this process says and hears, and the token that its workers
// come with. It listens at the prototypes of ws, which every connection of the process goes through.
import { WebSocket, WebSocketServer } from 'ws';
import { decodeFrame, encodeFrame } from '#dist/engine/comm/frame.js';
import { bellKey } from '#dist/engine/protocol/bells.js';

/** Frames of a type that are kept. */
const OF_EACH_TYPE = 12;
const LARGEST_BYTES = 65536;

/** Begins to record. */
export function startRecorder() {
  /** @type {Uint8Array[]} */
  const corpus = [];
  /** @type {Map<string, number>} */
  const seen = new Map();
  let authorization = '';
  const record = (/** @type {unknown} */ data) => {
    if (!(data instanceof Uint8Array) || data.length > LARGEST_BYTES) return;
    const { type } = decodeFrame(data);
    const count = (seen.get(type) ?? 0) + 1;
    seen.set(type, count);
    if (count <= OF_EACH_TYPE) corpus.push(Uint8Array.from(data));
  };
  // As functions of any arguments: what they are is the business of ws.
  const sockets = /** @type {Record<'send' | 'emit', (...args: unknown[]) => unknown>} */ (
    /** @type {unknown} */ (WebSocket.prototype)
  );
  const { send, emit } = sockets;
  const servers = /** @type {Record<'handleUpgrade', (...args: unknown[]) => unknown>} */ (
    /** @type {unknown} */ (WebSocketServer.prototype)
  );
  const { handleUpgrade } = servers;
  sockets.send = function (...args) {
    record(args[0]);
    return send.apply(this, args);
  };
  sockets.emit = function (...args) {
    if (args[0] === 'message') record(args[1]);
    return emit.apply(this, args);
  };
  servers.handleUpgrade = function (...args) {
    const { headers } = /** @type {import('node:http').IncomingMessage} */ (args[0]);
    if (authorization === '') authorization = headers.authorization ?? '';
    return handleUpgrade.apply(this, args);
  };
  return {
    /** Ends the recording: what was kept, with some doorbells, which no socket carries between workers here. */
    stop() {
      Object.assign(sockets, { send, emit });
      Object.assign(servers, { handleUpgrade });
      const ports = corpus
        .map((frame) => decodeFrame(frame))
        .flatMap(({ type, address, secret }) =>
          type === 'ready' && typeof address === 'string' && typeof secret === 'string' ? [{ address, secret }] : [],
        );
      for (let i = 0; i < 12; i++) {
        const key = bellKey('F', { generation: i % 3, step: i }, i % 2, 0);
        corpus.push(encodeFrame({ type: 'bell', key }));
      }
      return { corpus, seen, authorization, ports };
    },
  };
}
