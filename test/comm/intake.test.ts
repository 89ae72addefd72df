// Messages that begin and do not end, over real sockets: whoever sends one holds little of the other side's memory, and
// not for long.
import { connect, type Socket } from 'node:net';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { dial } from '../../engine/comm/dial.js';
import { encodeFrame } from '../../engine/comm/frame.js';
import { handshakeHeaders } from '../../engine/comm/handshake.js';
import { listen, type Listener, type ListenOptions } from '../../engine/comm/listen.js';
import type { Peer } from '../../engine/comm/peer.js';

const MEGABYTE = 2 ** 20;
const listeners: Listener[] = [];
const sockets: Socket[] = [];
afterEach(async () => {
  vi.useRealTimers();
  for (const socket of sockets.splice(0)) socket.destroy();
  await Promise.all(listeners.splice(0).map((listener) => listener.close()));
});

interface Opened {
  readonly port: number;
  readonly url: string;
  readonly arrived: Peer[];
  readonly refused: string[];
}

async function open(options: Partial<ListenOptions> = {}): Promise<Opened> {
  const arrived: Peer[] = [];
  const refused: string[] = [];
  const listener = await listen({
    token: 'secret',
    onPeer: (peer) => void arrived.push(peer),
    onRefused: (_, reason) => void refused.push(reason),
    ...options,
  });
  listeners.push(listener);
  return { port: listener.port, url: listener.url, arrived, refused };
}

/** The head of a message of the WebSocket protocol, masked with zeros. */
function headOf(length: number): Buffer {
  const head = Buffer.alloc(14);
  head.set([0x82, 0xff]);
  head.writeBigUInt64BE(BigInt(length), 2);
  return head;
}

interface Holder {
  readonly socket: Socket;
  /** Bytes that the system took before the other side read no more, or until it ended the connection. */
  readonly ended: Promise<void>;
}

/** A raw connection with the token; with a name it says hello. */
async function holder(port: number, name: string | null): Promise<Holder> {
  const socket = connect(port, '127.0.0.1');
  sockets.push(socket);
  socket.on('error', () => undefined);
  const ended = new Promise<void>((resolve) => socket.once('close', () => resolve()));
  const headers = Object.entries(handshakeHeaders('secret')).map(([header, value]) => `${header}: ${value}\r\n`);
  socket.write(
    'GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n' +
      `Sec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==\r\n${headers.join('')}\r\n`,
  );
  await new Promise((resolve) => socket.once('data', resolve));
  if (name !== null) {
    const hello = encodeFrame({ type: 'hello', name });
    socket.write(Buffer.concat([Buffer.from([0x82, 0x80 | hello.length, 0, 0, 0, 0]), hello]));
    await new Promise((resolve) => socket.once('data', resolve));
  }
  socket.resume();
  return { socket, ended };
}

const heard = (peer: Peer | undefined): Promise<string> =>
  new Promise((resolve) => (peer === undefined ? resolve('no peer') : peer.onClose(resolve)));

describe('a message without an end', () => {
  it('is cut before the hello as soon as it is longer than a hello', async () => {
    const { port, arrived, refused } = await open();
    const { socket, ended } = await holder(port, null);
    socket.write(headOf(64 * MEGABYTE));
    socket.write(Buffer.alloc(MEGABYTE));
    await ended;
    expect(refused).toEqual(['the first frame is no valid hello']);
    expect(arrived).toEqual([]);
  });

  it('is cut as soon as it is longer than what a guest may say, and not where the guest takes part', async () => {
    const { port, arrived } = await open({ limits: { guestFrameBytes: 65_536 } });
    const guest = await holder(port, 'guest');
    const member = await holder(port, 'member');
    arrived[1]?.takesPart();
    const reason = heard(arrived[0]);
    for (const { socket } of [guest, member]) {
      socket.write(headOf(64 * MEGABYTE));
      socket.write(Buffer.alloc(MEGABYTE));
    }
    expect(await reason).toMatch(/^guest sent a message without an end: \d+ bytes .*; the limit is 65536$/);
    await guest.ended;
    expect(arrived[1]?.isOpen).toBe(true);
  });

  it('is cut where it comes byte by byte', async () => {
    const { port, arrived } = await open();
    const { socket } = await holder(port, 'w');
    const reason = heard(arrived[0]);
    socket.setNoDelay(true);
    socket.write(headOf(64 * MEGABYTE));
    const drip = setInterval(() => socket.write(Buffer.alloc(1)), 0);
    expect(await reason).toMatch(/bytes of a message came in 257 pieces, and not its end$/);
    clearInterval(drip);
  });

  it('of many guests takes from the one that began first when all have too much together', async () => {
    const { port, arrived } = await open({ limits: { guestFrameBytes: 8 * MEGABYTE } });
    const holders = [];
    for (const name of ['first', 'second', 'third']) holders.push(await holder(port, name));
    const reasons = arrived.map(heard);
    for (const { socket } of holders) {
      socket.write(headOf(64 * MEGABYTE));
      await new Promise((resolve) => socket.write(Buffer.alloc(6 * MEGABYTE), resolve));
    }
    expect(await reasons[0]).toMatch(/^first sent a message without an end: unfinished messages of all guests/);
    expect(arrived.map(({ isOpen }) => isOpen)).toEqual([false, true, true]);
  });

  it('is cut after ten seconds where it is a guest that sends it, and later where it is a member', async () => {
    // The looks at what is unfinished are made by hand; sockets and reasons are real.
    vi.useFakeTimers({ toFake: ['setInterval'] });
    const { port, arrived } = await open({ limits: { guestFrameBytes: 65_536 } });
    const holders = [await holder(port, 'guest'), await holder(port, 'slow'), await holder(port, 'steady')];
    for (const peer of arrived.slice(1)) peer.takesPart();
    const reasons = arrived.map(heard);
    for (const { socket } of holders) socket.write(Buffer.concat([headOf(60_000), Buffer.alloc(100)]));
    await dial(listeners[0]?.url ?? '', { hello: { name: 'quiet' }, token: 'secret' }); // what was written is read
    vi.advanceTimersByTime(11_000);
    expect(await reasons[0]).toMatch(/^guest sent .*: 114 bytes of a message came in 11 s, and not its end$/);
    expect(arrived.map(({ isOpen }) => isOpen)).toEqual([false, true, true, true]);
    vi.advanceTimersByTime(20_000);
    expect(await reasons[1]).toMatch(/^slow sent .*: 114 bytes of a message came in 31 s, and not its end$/);
    expect(arrived.at(-1)?.isOpen).toBe(true);
  });
});
