// A million damaged frames, by a seed, against the decoder and against the open ports of a run that goes on: none may
// be accepted, none may crash or hang anything, memory stays flat, and the run ends with the losses of one that nobody
// attacked. Usage: npm run fuzz -- --frames 1000000 --seed 1
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { WebSocket, WebSocketServer } from 'ws';
import { Dice, mutate, wholeFrames } from './fuzz/mutations.mjs';

const { values: options } = parseArgs({
  options: {
    frames: { type: 'string', default: '1000000' },
    sockets: { type: 'string', default: '60000' },
    seed: { type: 'string', default: '1' },
  },
});
const numFrames = Number(options.frames);
const dice = new Dice(Number(options.seed));
/** Damaged frames that one connection sends before it must have been closed. */
const PER_CONNECTION = 4;
const AT_ONCE = 24;
/** Slower than this is a hang: the decoder with one frame, a port with one connection. */
const HANG_MS = 5000;
/** What the allocator may keep; a leak of a hundred bytes per frame would be more. */
const MEMORY_SLACK_MB = 96;

// Everything that the coordinator of a real run says and hears is recorded, its token too.
const corpus = [];
const seen = new Map();
let isRecording = true;
let authorization = '';
const { send, emit } = WebSocket.prototype;
const { handleUpgrade } = WebSocketServer.prototype;
function record(data) {
  if (!isRecording || !(data instanceof Uint8Array) || data.length > 65536) return;
  const { type } = decodeFrame(data);
  seen.set(type, (seen.get(type) ?? 0) + 1);
  if (seen.get(type) <= 12) corpus.push(Uint8Array.from(data));
}
WebSocket.prototype.send = function (data, ...rest) {
  record(data);
  return send.call(this, data, ...rest);
};
WebSocket.prototype.emit = function (event, ...args) {
  if (event === 'message') record(args[0]);
  return emit.call(this, event, ...args);
};
WebSocketServer.prototype.handleUpgrade = function (request, ...rest) {
  authorization ||= request.headers.authorization;
  return handleUpgrade.call(this, request, ...rest);
};
const { decodeFrame, encodeFrame, FrameError, sealFrame } = await import('#dist/engine/comm/frame.js');
const { handshakeHeaders } = await import('#dist/engine/comm/handshake.js');
const { listen } = await import('#dist/engine/comm/listen.js');
const { orderSchema, reportSchema } = await import('#dist/engine/protocol/messages.js');
const { trainConfigSchema } = await import('#dist/engine/core/config.js');
const { RunFolder } = await import('#dist/engine/run/run-folder.js');
const { runTraining } = await import('#dist/engine/trainer/run-training.js');

const failures = [];
// Nothing that is sent may reach this.
process.on('uncaughtException', (error) => {
  console.error(`fuzz FAILED: an exception nobody caught: ${error?.stack ?? error}`);
  process.exit(1);
});
const folder = mkdtempSync(join(tmpdir(), 'pipetrain-fuzz-'));
const began = performance.now();
const say = (text) => console.log(`${((performance.now() - began) / 1000).toFixed(0).padStart(4)} s  ${text}`);
const memoryMb = () => {
  globalThis.gc?.();
  return process.memoryUsage.rss() / 2 ** 20;
};

const config = (changes) =>
  trainConfigSchema.parse({
    model: 'vit',
    modelOptions: { layers: 3, width: 32, heads: 2, patch: 8 },
    data: 'synthetic:digits',
    dataOptions: { samples: 200 },
    batch: 16,
    microBatch: 2,
    lr: '1e-3',
    evalEvery: '100 steps',
    freeze: 'manual',
    freezeSchedule: '50:1,120:2',
    freezeMax: 2,
    pipeline: 2,
    devices: 'cpu:2',
    ...changes,
  });
async function train(name, changes, onEvent = () => undefined, signal = new AbortController().signal) {
  let finished;
  await runTraining(config(changes), {
    runFolder: RunFolder.create(join(folder, name)),
    signal,
    emit: (event) => {
      if (event.type === 'run.finished') finished = event;
      onEvent(event);
    },
  });
  return finished;
}

say(`recording a run; ${numFrames} frames, seed ${options.seed}`);
const stop = new AbortController();
const events = {};
let port = 0;
let recorded;
const hasRecorded = new Promise((resolve) => (recorded = resolve));
const { port: freePort, close } = await listen({ onPeer: () => undefined, token: 'x' });
await close();
port = freePort;
const attacked = train(
  'attacked',
  { steps: 1_000_000, port },
  (event) => {
    events[event.type] = (events[event.type] ?? 0) + 1;
    if (event.type === 'step' && event.step === 250) recorded();
  },
  stop.signal,
);
await Promise.race([hasRecorded, attacked]);
isRecording = false;
const addresses = corpus
  .map((frame) => decodeFrame(frame))
  .flatMap(({ type, address }) => (type === 'ready' ? [address] : []));
for (let i = 0; i < 12; i++) corpus.push(encodeFrame({ type: 'bell', key: `F ${i % 3} ${i} ${i % 2}` }));
const isWhole = wholeFrames(corpus);
say(`${corpus.length} frames of ${seen.size + 1} types: ${[...seen].map(([type, n]) => `${type} ${n}`).join(', ')}`);

/** Damaged frames that are really damaged. */
function damaged() {
  for (;;) {
    const { kind, bytes } = mutate(dice, corpus);
    if (!isWhole(bytes)) return { kind, bytes };
  }
}

// 1. The decoder.
const counts = { refused: 0, accepted: 0, sealed: 0, sealedDecoded: 0, sealedValid: 0 };
let slowestMs = 0;
function decode(bytes, what) {
  const begin = performance.now();
  try {
    return decodeFrame(bytes);
  } catch (error) {
    if (!(error instanceof FrameError)) failures.push(`${what}: the decoder threw ${error?.stack ?? error}`);
    return null;
  } finally {
    slowestMs = Math.max(slowestMs, performance.now() - begin);
  }
}
const numSockets = Math.min(Number(options.sockets), numFrames);
const inProcess = numFrames - numSockets;
let firstMb = 0;
for (let i = 0; i < inProcess; i++) {
  const { kind, bytes } = damaged();
  if (decode(bytes, kind) === null) counts.refused++;
  else {
    counts.accepted++;
    failures.push(`accepted: ${kind} ${Buffer.from(bytes).toString('hex').slice(0, 200)}`);
  }
  // With a checksum that fits, as only somebody with the token could make it: whatever is decoded must be plain, and
  // the schemas must not stumble.
  if (i % 4 === 0 && bytes.length >= 8) {
    const sealed = bytes.slice();
    sealed.set([0x93, 2, 0xce]);
    sealFrame(sealed);
    counts.sealed++;
    const message = decode(sealed, `sealed ${kind}`);
    if (message !== null) {
      counts.sealedDecoded++;
      if (Object.getPrototypeOf(message) !== Object.prototype)
        failures.push(`${kind}: a message with another prototype`);
      if (orderSchema.safeParse(message).success || reportSchema.safeParse(message).success) counts.sealedValid++;
    }
  }
  if (i === Math.floor(inProcess / 5)) firstMb = memoryMb();
  if (i % 5000 === 0) await sleep(1); // the run goes on meanwhile
  if (i > 0 && i % 200_000 === 0)
    say(`${i} frames decoded, ${memoryMb().toFixed(0)} MiB, slowest ${slowestMs.toFixed(1)} ms`);
}
const grownMb = memoryMb() - firstMb;
say(
  `decoder: ${counts.refused} of ${inProcess} refused, ${counts.accepted} accepted; ${counts.sealed} sealed ` +
    `anew: ${counts.sealedDecoded} decoded, ${counts.sealedValid} of them well-formed messages; memory ` +
    `${grownMb >= 0 ? '+' : ''}${grownMb.toFixed(0)} MiB`,
);
if (grownMb > MEMORY_SLACK_MB) failures.push(`memory grew by ${grownMb.toFixed(0)} MiB`);
if (slowestMs > 1000) failures.push(`one frame took ${slowestMs.toFixed(0)} ms to decode`);
if ({}.isAdmin !== undefined || {}.a !== undefined) failures.push('the prototype of all objects has changed');

// 2. The ports of the run that goes on.
const headers = { ...handshakeHeaders(undefined), authorization };
const request = (path = '/') =>
  Buffer.from(
    `GET ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==\r\n${Object.entries(
      headers,
    )
      .map(([name, value]) => `${name}: ${value}\r\n`)
      .join('')}\r\n`,
  );
/** A frame of the WebSocket protocol, masked with zeros. */
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
const portsOf = { coordinator: port, worker: Number(new URL(addresses[0]).port) };

/** Resolves when the other side has ended the connection; a hang is a failure. */
function raw(target, chunks) {
  return new Promise((resolve) => {
    const socket = connect(portsOf[target], '127.0.0.1', () => {
      for (const chunk of chunks) socket.write(chunk);
      // Half a request is cut by the time limit of strangers, which would make this slow: a stranger that goes must do.
      socket.end();
    });
    const timer = setTimeout(() => {
      failures.push(`${target}: a connection hangs`);
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
function authenticated(target, hello, frames) {
  return new Promise((resolve) => {
    const socket = new WebSocket(`ws://127.0.0.1:${portsOf[target]}`, { headers });
    const timer = setTimeout(() => {
      failures.push(
        `${target}: a peer that sends damaged frames is not dropped ` +
          `(${Buffer.from(frames[0]).toString('hex').slice(0, 80)})`,
      );
      socket.terminate();
    }, HANG_MS);
    socket
      .on('error', () => undefined)
      .once('close', () => {
        clearTimeout(timer);
        resolve();
      });
    socket.once('open', () => {
      if (hello !== null) socket.send(hello);
      for (const frame of frames) socket.send(frame);
    });
  });
}
const hellos = ['w0', 'w1', 'nobody', 'joiner'].map((name) =>
  encodeFrame({ type: 'hello', name, ...(name === 'joiner' ? { role: 'join', host: 'somewhere', pid: 1 } : {}) }),
);
const ATTACKS = {
  'before the token, raw bytes': (frames) => raw(dice.pick(['coordinator', 'worker']), frames),
  'a damaged request': (frames) =>
    raw(dice.pick(['coordinator', 'worker']), [mutate(dice, [request(), request('/x'.repeat(20))]).bytes, ...frames]),
  'frames of the socket protocol damaged': (frames) =>
    raw(dice.pick(['coordinator', 'worker']), [
      request(),
      ...frames.map((frame) => mutate(dice, [wrapped(frame)]).bytes),
    ]),
  'no hello but damaged frames': (frames) => authenticated(dice.pick(['coordinator', 'worker']), null, frames),
  'damaged reports to the coordinator': (frames) => authenticated('coordinator', dice.pick(hellos), frames),
  'damaged doorbells to a worker': (frames) => authenticated('worker', dice.pick(hellos), frames),
};
const names = Object.keys(ATTACKS);
const sent = Object.fromEntries(names.map((name) => [name, 0]));
let numSent = 0;
let socketMb = 0;
let numConnections = 0;
async function attack() {
  while (numSent < numSockets && failures.length === 0) {
    const name = names[numConnections++ % names.length];
    const frames = Array.from({ length: PER_CONNECTION }, () => damaged().bytes);
    numSent += PER_CONNECTION;
    sent[name] += PER_CONNECTION;
    await ATTACKS[name](frames);
    if (socketMb === 0 && numSent > numSockets / 5) socketMb = memoryMb();
    if (numSent % 20_000 < PER_CONNECTION) say(`${numSent} frames over sockets, ${memoryMb().toFixed(0)} MiB`);
  }
}
await Promise.all(Array.from({ length: AT_ONCE }, attack));
const socketGrownMb = memoryMb() - socketMb;
say(
  `sockets: ${Object.entries(sent)
    .map(([name, n]) => `${name} ${n}`)
    .join(', ')}; memory ${socketGrownMb >= 0 ? '+' : ''}${socketGrownMb.toFixed(0)} MiB`,
);
if (socketGrownMb > MEMORY_SLACK_MB) failures.push(`memory grew by ${socketGrownMb.toFixed(0)} MiB`);

// 3. Workers that are given damaged orders by a coordinator: each says what is wrong and ends.
const endings = [];
for (let i = 0; i < 8; i++) {
  const listener = await listen({
    token: 'secret',
    onPeer: (peer) => void authenticatedOrders(peer),
  });
  function authenticatedOrders(peer) {
    peer.onError(() => undefined);
    // Past the encoder, which sends nothing damaged.
    for (const socket of sockets)
      for (let n = 0; n < PER_CONNECTION; n++) socket.send(damaged().bytes, { binary: true });
    void peer;
  }
  const sockets = new Set();
  const before = WebSocketServer.prototype.completeUpgrade;
  WebSocketServer.prototype.completeUpgrade = function (
    extensions,
    key,
    protocols,
    upgradeRequest,
    stream,
    head,
    done,
  ) {
    return before.call(this, extensions, key, protocols, upgradeRequest, stream, head, (socket, ...rest) => {
      sockets.add(socket);
      done(socket, ...rest);
    });
  };
  const child = spawn(process.execPath, [join(import.meta.dirname, '../dist/engine/worker/worker-main.js')], {
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  child.stdin.write(`${JSON.stringify({ url: listener.url, token: 'secret', worker: 'w9', host: null, own: null })}\n`);
  const timer = setTimeout(() => child.kill('SIGKILL'), 4 * HANG_MS);
  const [code, signal] = await once(child, 'close');
  clearTimeout(timer);
  WebSocketServer.prototype.completeUpgrade = before;
  await listener.close();
  endings.push(signal ?? code);
  if (signal !== null || code === 0)
    failures.push(`a worker that was given damaged orders ended with ${signal ?? code}`);
}
say(`workers with damaged orders ended with ${endings.join(' ')}`);

// 4. The run was not touched.
stop.abort();
const finished = await attacked;
for (const type of ['worker.lost', 'recovered', 'run.failed'])
  if (events[type] !== undefined) failures.push(`${events[type]} events ${type} in the run that was attacked`);
say(
  `the run went on for ${finished.steps} steps; ${events['peer.dropped'] ?? 0} events of dropped ` +
    'connections. The same without attacks:',
);
const calm = await train('calm', { steps: finished.steps, devices: 'cpu:1', pipeline: 1 });
for (const field of ['lossSha256', 'weightsSha256'])
  if (calm[field] !== finished[field]) failures.push(`${field} is ${finished[field]}, without attacks ${calm[field]}`);
say(`losses ${finished.lossSha256.slice(0, 16)}, without attacks ${calm.lossSha256.slice(0, 16)}`);
rmSync(folder, { recursive: true, force: true });

console.log(
  failures.length === 0
    ? `fuzz: ${inProcess + numSent} damaged frames, 0 accepted, no crash, no hang, memory flat`
    : `fuzz FAILED (${failures.length}):\n  ${failures.slice(0, 20).join('\n  ')}`,
);
process.exit(failures.length === 0 ? 0 : 1);
