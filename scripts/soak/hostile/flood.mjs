// A flood as a process of its own, on whatever host it is started: connections to ports, many at a time and more every
// second, that say nothing, say it slowly, begin TLS and stop, or show a token and then say nothing. It ends by itself.
// Usage: node flood.mjs --to HOST:PORT,... --seconds N [--at-once N] [--per-second N] [--token TEXT]
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { handshakeHeaders } from '#dist/engine/comm/handshake.js';
import { wholeNumber } from '../../lab/command-line.mjs';

const { values: options } = parseArgs({
  options: {
    to: { type: 'string', default: '' },
    seconds: { type: 'string', default: '10' },
    'at-once': { type: 'string', default: '300' },
    'per-second': { type: 'string', default: '300' },
    token: { type: 'string' },
  },
});
const targets = options.to.split(',').map((address) => {
  const [, host = '', port = ''] = /^(.*):(\d+)$/.exec(address) ?? [];
  return { host, port: Number(port) };
});
const atOnce = wholeNumber('at-once', options['at-once']);
const perSecond = wholeNumber('per-second', options['per-second']);
let end = performance.now() + 1000 * wholeNumber('seconds', options.seconds);
/** Bytes of the first packet; what comes after it is silence, but for those that trickle. */
const request = (/** @type {string | undefined} */ token) =>
  [
    'GET / HTTP/1.1',
    'Host: here',
    'Connection: Upgrade',
    'Upgrade: websocket',
    'Sec-WebSocket-Version: 13',
    'Sec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==',
    ...Object.entries(handshakeHeaders(token)).map(([name, value]) => `${name}: ${value}`),
    '\r\n',
  ].join('\r\n');
const first = ['', 'G', '\x16\x03\x01', ...(options.token === undefined ? ['', ''] : [request(options.token)])];

/** @type {Set<import('node:net').Socket>} */
const open = new Set();
let numOpened = 0;

/** @param {number} number */
function flow(number) {
  const { host, port } = targets[number % targets.length] ?? { host: '', port: 0 };
  const words = first[number % first.length] ?? '';
  const socket = connect(port, host, () => void socket.write(words));
  socket.on('error', () => undefined).on('close', () => open.delete(socket));
  // An answer that nobody reads would keep the connection half open on this side.
  socket.resume();
  open.add(socket);
  numOpened++;
}

process.once('SIGTERM', () => void (end = 0));
while (performance.now() < end) {
  const [oldest] = open;
  if (open.size >= atOnce) oldest?.destroy();
  for (let i = 0; i < perSecond / 20; i++) if (open.size < atOnce) flow(numOpened);
  for (const socket of open) if (numOpened % 7 === 0) socket.write('G');
  await sleep(50);
}
for (const socket of open) socket.destroy();
console.log(`${numOpened} connections`);
