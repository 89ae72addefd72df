// A flood at ports: connections that say nothing or next to nothing, held for as long as the other side holds them, and
// as many new ones a second as wanted. Every line of its standard input is one port more; at the end of that, or of its
// time where ports are given with --ports, it goes and tells what became of each port. With a token, some show that and
// say nothing more. Usage: node scripts/soak/flood.mjs [--host 127.0.0.1] [--held 500] [--rate 500] [--token TEXT]
// [--ports 7000,7001 --seconds 60]
import { connect } from 'node:net';
import { createInterface } from 'node:readline';
import { parseArgs } from 'node:util';
import { handshakeHeaders } from '#dist/engine/comm/handshake.js';
import { wholeNumber, wholeNumbers } from '../lab/command-line.mjs';

const { values: options } = parseArgs({
  options: {
    host: { type: 'string', default: '127.0.0.1' },
    held: { type: 'string', default: '500' },
    rate: { type: 'string', default: '500' },
    token: { type: 'string' },
    ports: { type: 'string' },
    seconds: { type: 'string', default: '60' },
  },
});
const numHeld = wholeNumber('held', options.held, 0);
const perSecond = wholeNumber('rate', options.rate, 1);

const REQUEST =
  'GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n' +
  'Sec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==\r\n';
const headersOf = (/** @type {string} */ token) =>
  Object.entries(handshakeHeaders(token, 'w7')).map(([name, value]) => `${name}: ${value}\r\n`);
/** What they say: nothing, the beginning of a TLS handshake, half a request, a guess, the token and then nothing. */
const WORDS = [
  '',
  '\x16\x03\x01\x02\x00\x01',
  'GET / HTTP/1.1\r\nHost: x\r\nUpgrade: webso',
  '',
  `${REQUEST}Authorization: Bearer MDAwMA\r\n\r\n`,
  ...(options.token === undefined ? [] : [`${REQUEST}${headersOf(options.token).join('')}\r\n`]),
];
/** Between the bytes of those that say next to nothing. */
const DRIP_MS = 1000;
const TICK_MS = 20;

class Siege {
  #port;
  #counts = { opened: 0, cut: 0, failed: 0 };
  /** In the order in which they were opened. @type {Set<import('node:net').Socket>} */
  #sockets = new Set();
  #owed = 0;

  /** @param {number} port */
  constructor(port) {
    this.#port = port;
    for (let i = 0; i < numHeld; i++) this.#strike();
  }

  /** Opens as many connections as a tick has; the oldest go where the other side has not cut them. */
  tick() {
    for (this.#owed += (perSecond * TICK_MS) / 1000; this.#owed >= 1; this.#owed--) this.#strike();
    for (const oldest of this.#sockets) {
      if (this.#sockets.size <= numHeld) break;
      this.#sockets.delete(oldest);
      oldest.destroy();
    }
  }

  drip() {
    for (const socket of this.#sockets) if (socket.writable) socket.write('x');
  }

  end() {
    for (const socket of this.#sockets) socket.destroy();
    return { port: this.#port, ...this.#counts };
  }

  #strike() {
    const word = WORDS[this.#counts.opened++ % WORDS.length] ?? '';
    const socket = connect(this.#port, options.host, () => word !== '' && socket.write(word, 'latin1'));
    this.#sockets.add(socket);
    socket
      .on('error', () => this.#counts.failed++)
      .on('data', () => undefined)
      .once('close', () => {
        this.#counts.cut++;
        this.#sockets.delete(socket);
      });
  }
}

/** @type {Siege[]} */
const sieges = [];
const timers = [
  setInterval(() => sieges.forEach((siege) => siege.tick()), TICK_MS),
  setInterval(() => sieges.forEach((siege) => siege.drip()), DRIP_MS),
];
function end() {
  timers.forEach((timer) => clearInterval(timer));
  console.log(JSON.stringify(sieges.map((siege) => siege.end())));
}

if (options.ports === undefined)
  createInterface({ input: process.stdin })
    .on('line', (line) => sieges.push(new Siege(Number(line))))
    .on('close', end);
else {
  for (const port of wholeNumbers('ports', options.ports)) sieges.push(new Siege(port));
  const timer = setTimeout(end, 1000 * wholeNumber('seconds', options.seconds));
  process.once('SIGTERM', () => {
    clearTimeout(timer);
    end();
  });
}
