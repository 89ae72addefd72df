// Who gets through a port and who does not: TLS against plain text, certificates, strangers that say nothing, too much
// or rubbish, and peers that know the token and flood. Whoever is refused hurts nobody who is in.
import { connect, type Socket } from 'node:net';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { WebSocket } from 'ws';
import { dial } from '../../engine/comm/dial.js';
import { encodeFrame, type Message } from '../../engine/comm/frame.js';
import { handshakeHeaders } from '../../engine/comm/handshake.js';
import { listen, type Listener, type ListenOptions } from '../../engine/comm/listen.js';
import type { Peer } from '../../engine/comm/peer.js';
import {
  type Credentials,
  fingerprintOf,
  isFingerprint,
  readAuthorities,
  readCredentials,
} from '../../engine/comm/tls.js';
import { certificatePath, certificateText } from './certificate.js';

const one: Credentials = { cert: certificateText('one.cert'), key: certificateText('one.key') };
const hello = { name: 'w' };

const listeners: Listener[] = [];
const sockets: Socket[] = [];
afterEach(async () => {
  vi.useRealTimers();
  for (const socket of sockets.splice(0)) socket.destroy();
  await Promise.all(listeners.splice(0).map((listener) => listener.close()));
});

interface Opened {
  readonly listener: Listener;
  readonly arrived: Peer[];
  readonly refused: string[];
  /** Resolves when so many connections were refused. */
  readonly refusals: (count: number) => Promise<string[]>;
}

async function open(options: Partial<ListenOptions> = {}): Promise<Opened> {
  const arrived: Peer[] = [];
  const refused: string[] = [];
  let check = (): void => undefined;
  const listener = await listen({
    token: 'secret',
    onPeer: (peer) => void arrived.push(peer),
    onRefused: (address, reason) => {
      expect(address).toMatch(/^127\.0\.0\.1:\d+$/);
      refused.push(reason);
      check();
    },
    ...options,
  });
  listeners.push(listener);
  const refusals = (count: number): Promise<string[]> =>
    new Promise((resolve) => {
      check = () => void (refused.length >= count && resolve(refused));
      check();
    });
  return { listener, arrived, refused, refusals };
}

/** A raw connection; `text` is all that it says. */
function stranger(
  { port }: Listener,
  text: string | Uint8Array = '',
): { readonly socket: Socket; readonly answer: Promise<string> } {
  const socket = connect(port, '127.0.0.1', () => void (text.length > 0 && socket.write(text)));
  sockets.push(socket);
  let heard = '';
  socket.on('data', (data: Buffer) => (heard += data.toString('latin1'))).on('error', () => undefined);
  return { socket, answer: new Promise((resolve) => socket.once('close', () => resolve(heard))) };
}

describe('TLS', () => {
  it('brings messages both ways under a pinned fingerprint, however it is written', async () => {
    const { listener, arrived } = await open({ tls: one });
    expect(listener.url).toMatch(/^wss:\/\/127\.0\.0\.1:\d+$/);
    for (const fingerprint of [fingerprintOf(one.cert), fingerprintOf(one.cert).replaceAll(':', '').toLowerCase()]) {
      const near = await dial(listener.url, { hello, token: 'secret', trust: { fingerprint } });
      const answer = new Promise<Message>((resolve) => near.onMessage(resolve));
      arrived.at(-1)?.onMessage((message) => arrived.at(-1)?.send({ type: 'echo', data: message['data'] }));
      const data = Uint8Array.from({ length: 300_000 }, (_, i) => i % 251);
      near.send({ type: 'say', data });
      expect(Buffer.from((await answer)['data'] as Uint8Array).equals(Buffer.from(data))).toBe(true);
    }
  });

  it('believes the authority it is told to, and nobody else', async () => {
    const { listener } = await open({ tls: one });
    const url = listener.url.replace('127.0.0.1', 'localhost');
    await expect(dial(url, { hello, token: 'secret', trust: { ca: one.cert } })).resolves.toHaveProperty(
      'isOpen',
      true,
    );
    for (const trust of [{}, { ca: certificateText('other.cert') }])
      await expect(dial(url, { hello, token: 'secret', trust })).rejects.toMatchObject({
        code: 'PT_TLS_CERT',
        exitCode: 2,
      });
  });

  it('says nothing, not even the token, to a certificate with another fingerprint', async () => {
    const { listener, refused, arrived } = await open({ tls: one });
    const expected = fingerprintOf(certificateText('other.cert'));
    await expect(
      dial(listener.url, { hello, token: 'secret', trust: { fingerprint: expected } }),
    ).rejects.toMatchObject({
      code: 'PT_TLS_CERT',
      message: expect.stringMatching(new RegExp(`${fingerprintOf(one.cert)}.*${expected}`)) as string,
    });
    // A request would have been refused or let in.
    expect(refused.filter((reason) => !/TLS/.test(reason))).toEqual([]);
    expect(arrived).toEqual([]);
  });

  it('does not replace the token', async () => {
    const { listener, refusals } = await open({ tls: one });
    await expect(dial(listener.url, { hello, token: 'guess', trust: { ca: one.cert } })).rejects.toMatchObject({
      code: 'PT_TOKEN',
    });
    expect(await refusals(1)).toEqual(['wrong or missing token']);
  });

  it('refuses who speaks plain text, and tells both sides', async () => {
    const { listener, refusals } = await open({ tls: one });
    await expect(dial(listener.url.replace('wss:', 'ws:'), { hello, token: 'secret' })).rejects.toMatchObject({
      code: 'PT_TLS',
      exitCode: 2,
      message: expect.stringContaining('speaks TLS, this side was told to use plain text') as string,
    });
    expect(await refusals(1)).toEqual(['it speaks plain text, this port TLS']);
  });

  it('is refused where the port speaks plain text, and both sides are told', async () => {
    const { listener, refusals } = await open();
    await expect(
      dial(listener.url.replace('ws:', 'wss:'), { hello, token: 'secret', trust: { ca: one.cert } }),
    ).rejects.toMatchObject({
      code: 'PT_TLS',
      message: expect.stringContaining('answers in plain text, this side was told to use TLS') as string,
    });
    expect(await refusals(1)).toEqual(['it speaks TLS, this port does not']);
  });

  it('names what is wrong with the files', () => {
    expect(readCredentials(undefined, undefined)).toBeNull();
    expect(readCredentials(certificatePath('one.cert'), certificatePath('one.key'))).toEqual(one);
    const wrong: [cert: string | undefined, key: string | undefined, message: RegExp][] = [
      [certificatePath('one.cert'), undefined, /--tls-cert is given without --tls-key/],
      [undefined, certificatePath('one.key'), /--tls-key is given without --tls-cert/],
      [certificatePath('none.cert'), certificatePath('one.key'), /none\.cert\.pem cannot be read/],
      [certificatePath('one.cert'), certificatePath('other.key'), /are no certificate and its private key/],
      [import.meta.filename, certificatePath('one.key'), /are no certificate and its private key/],
    ];
    for (const [cert, key, message] of wrong)
      expect(() => readCredentials(cert, key)).toThrow(
        expect.objectContaining({ code: 'PT_TLS_FILES', message: expect.stringMatching(message) as string }),
      );
    expect(readAuthorities(certificatePath('one.cert'))).toBe(one.cert);
    expect(() => readAuthorities(certificatePath('one.key'))).toThrow(
      expect.objectContaining({ code: 'PT_TLS_FILES' }),
    );
    expect([fingerprintOf(one.cert), 'ab'.repeat(32)].map(isFingerprint)).toEqual([true, true]);
    expect(['', 'ab', 'g'.repeat(64), 'ab'.repeat(33)].map(isFingerprint)).toEqual([false, false, false, false]);
  });
});

describe.each([
  ['plain text', undefined],
  ['TLS', one],
])('a port with %s', (_, tls) => {
  const enter = (listener: Listener): Promise<Peer> =>
    dial(listener.url, { hello, token: 'secret', trust: { fingerprint: fingerprintOf(one.cert) } });

  it('cuts strangers that say nothing, the oldest as soon as others come', async () => {
    const { listener, refusals } = await open({ tls, limits: { handshakeTimeoutMs: 300, maxStrangers: 3 } });
    const silent = Array.from({ length: 5 }, () => stranger(listener));
    await Promise.all(silent.map(({ answer }) => answer));
    const reasons = await refusals(5);
    expect(reasons.filter((reason) => reason === 'others came, and it had not said who it is')).toHaveLength(2);
    expect(reasons.filter((reason) => reason === 'it was not known after 300 ms')).toHaveLength(3);
    await expect(enter(listener)).resolves.toHaveProperty('isOpen', true);
  });

  it('lets those in who bring the token while others come without end', async () => {
    const { listener, refused } = await open({ tls, limits: { maxStrangers: 8 } });
    for (let i = 0; i < 8; i++) stranger(listener);
    const flood = setInterval(() => {
      for (const text of ['', 'GET / HTTP/1.1\r\n']) stranger(listener, text);
    }, 5);
    try {
      for (let i = 0; i < 10; i++) await expect(enter(listener)).resolves.toHaveProperty('isOpen', true);
    } finally {
      clearInterval(flood);
    }
    expect(refused).toContain('others came, and it had not said who it is');
  });

  it('gives a place back to whoever is let in', async () => {
    const { listener, arrived } = await open({ tls, limits: { maxStrangers: 1 } });
    for (let i = 0; i < 4; i++) await enter(listener);
    expect(arrived).toHaveLength(4);
    expect(arrived.every(({ isOpen }) => isOpen)).toBe(true);
  });

  it('is not disturbed by rubbish, a torn TLS handshake, or headers without end', async () => {
    const { listener, arrived } = await open({ tls, limits: { handshakeTimeoutMs: 500 } });
    const peer = await enter(listener);
    const rubbish = [
      '\0\0\0\0',
      'GET / HTTP/1.1\r\n\r\n',
      Uint8Array.of(0x16, 3, 1, 0, 5, 1, 2, 3, 4, 5, 6),
      `GET / HTTP/1.1\r\nx: ${'a'.repeat(20_000)}`,
      'POST / HTTP/1.1\r\nContent-Length: 1000000\r\n\r\nabc',
      'GET / HTTP/1.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n',
    ];
    const answers = await Promise.all(rubbish.map((text) => stranger(listener, text).answer));
    expect(answers).toHaveLength(rubbish.length); // every one of them was closed
    const heard = new Promise((resolve) => arrived[0]?.onMessage(resolve));
    peer.send({ type: 'still here' });
    expect(await heard).toEqual({ type: 'still here' });
  });
});

describe('a peer that knows the token', () => {
  it('is dropped where it sends more frames than are allowed; the others stay', async () => {
    const { listener, arrived } = await open({ limits: { maxFramesPerSecond: 100 } });
    const calm = await dial(listener.url, { hello, token: 'secret' });
    const flood = await dial(listener.url, { hello, token: 'secret' });
    const [first, second] = arrived as [Peer, Peer];
    let numHeard = 0;
    second.onMessage(() => void numHeard++);
    const reason = new Promise((resolve) => second.onClose(resolve));
    for (let i = 0; i < 500; i++) flood.send({ type: 'x' });
    expect(await reason).toBe('w sent more than 100 frames within a second');
    expect(numHeard).toBe(100);
    const heard = new Promise((resolve) => first.onMessage(resolve));
    calm.send({ type: 'y' });
    expect(await heard).toEqual({ type: 'y' });
  });

  it('is dropped where it sends messages that nobody takes', async () => {
    const { listener, arrived } = await open();
    const peer = await dial(listener.url, { hello, token: 'secret' });
    const reason = new Promise((resolve) => arrived[0]?.onClose(resolve));
    for (let i = 0; i < 10_100; i++) peer.send({ type: 'x' });
    expect(await reason).toBe('w sent 10000 messages that nobody waits for');
  });

  it('is heard no more after a frame that was damaged', async () => {
    const { listener, arrived } = await open();
    const socket = new WebSocket(listener.url, { headers: handshakeHeaders('secret') });
    await new Promise((resolve) => socket.once('open', resolve));
    socket.send(encodeFrame({ type: 'hello', name: 'w' }));
    await new Promise((resolve) => socket.once('message', resolve));
    const [peer] = arrived as [Peer];
    const heard: string[] = [];
    peer.onMessage(({ type }) => void heard.push(type));
    const reason = new Promise((resolve) => peer.onClose(resolve));
    const damaged = encodeFrame({ type: 'damaged' }).slice();
    damaged[10] = (damaged[10] as number) ^ 1;
    for (const frame of [encodeFrame({ type: 'good' }), damaged, encodeFrame({ type: 'late' })]) socket.send(frame);
    expect(await reason).toMatch(/was damaged on its way/);
    expect(heard).toEqual(['good']);
  });

  it('may not send a hello of any size', async () => {
    const { listener, refusals } = await open();
    const socket = new WebSocket(listener.url, { headers: handshakeHeaders('secret') });
    socket.on('open', () => socket.send(encodeFrame({ type: 'hello', name: 'w', more: 'a'.repeat(70_000) })));
    expect(await new Promise((resolve) => socket.once('close', resolve))).toBe(4400);
    expect(await refusals(1)).toEqual(['the first frame is no valid hello']);
  });
});

describe('a wrong token', () => {
  it('is answered later each time, and keeps no right one waiting', async () => {
    // The pauses are made by hand; the connections are real.
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const { listener, refusals } = await open();
    const guess = (): Promise<string> =>
      dial(listener.url, { hello, token: 'guess' }).then(
        () => 'in',
        (error: unknown) => (error as { code: string }).code,
      );
    const guesses = [guess(), guess(), guess()];
    await refusals(3);
    // Held back: 100, 200 and 400 ms.
    await vi.advanceTimersByTimeAsync(90);
    const later = new Promise((resolve) => setImmediate(() => resolve('not answered')));
    expect(await Promise.race([...guesses, later])).toBe('not answered');
    await expect(dial(listener.url, { hello, token: 'secret' })).resolves.toHaveProperty('isOpen', true);
    await vi.advanceTimersByTimeAsync(400);
    expect(await Promise.all(guesses)).toEqual(['PT_TOKEN', 'PT_TOKEN', 'PT_TOKEN']);
  });
});

describe('a port that knows each name by a pass of its own', () => {
  const passes = new Map([
    ['w0', 'first pass'],
    ['w1', 'second pass'],
  ]);
  const admits = (name: string, pass: string): boolean => passes.get(name) === pass;

  it('lets a name in with its pass, and with no other', async () => {
    const { listener, arrived, refusals } = await open({ token: undefined, admits });
    await expect(dial(listener.url, { hello: { name: 'w0' }, token: 'first pass' })).resolves.toHaveProperty(
      'isOpen',
      true,
    );
    for (const [name, token] of [
      ['w1', 'first pass'],
      ['w2', 'second pass'],
      ['w0', undefined],
    ] as const)
      await expect(dial(listener.url, { hello: { name }, token })).rejects.toMatchObject({ code: 'PT_TOKEN' });
    expect(await refusals(3)).toEqual(Array.from({ length: 3 }, () => 'wrong or missing token'));
    expect(arrived.map(({ name }) => name)).toEqual(['w0']);
  });

  it('refuses a hello under another name than the one whose pass was shown, and a request without a name', async () => {
    const { listener, arrived, refusals } = await open({ token: undefined, admits });
    const socket = new WebSocket(listener.url, { headers: handshakeHeaders('first pass', 'w0') });
    socket.on('open', () => socket.send(encodeFrame({ type: 'hello', name: 'w1' })));
    expect(await new Promise((resolve) => socket.once('close', resolve))).toBe(4400);
    const nameless = new WebSocket(listener.url, { headers: handshakeHeaders('first pass') });
    await new Promise((resolve) => nameless.once('error', resolve));
    expect(await refusals(2)).toEqual(['the hello has another name than the request', 'wrong or missing token']);
    expect(arrived).toEqual([]);
  });
});
