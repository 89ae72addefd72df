import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { connect, createServer as createProxy, type Server as Proxy } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { dial } from '../../engine/comm/dial.js';
import { encodeFrame, type Message } from '../../engine/comm/frame.js';
import { handshakeHeaders, type Hello } from '../../engine/comm/handshake.js';
import { listen, type Listener, type ListenOptions } from '../../engine/comm/listen.js';
import type { Peer } from '../../engine/comm/peer.js';

const listeners: Listener[] = [];
const servers: (Server | Proxy)[] = [];
afterEach(async () => {
  await Promise.all(listeners.splice(0).map((listener) => listener.close()));
  for (const server of servers.splice(0)) server.close();
});

interface Arrival {
  readonly peer: Peer;
  readonly hello: Hello;
}

/** A listener whose arrivals can be awaited. */
async function open(options: Partial<ListenOptions> = {}): Promise<{ listener: Listener; arrival: Promise<Arrival> }> {
  let arrive!: (arrival: Arrival) => void;
  const arrival = new Promise<Arrival>((resolve) => (arrive = resolve));
  const listener = await listen({ onPeer: (peer, hello) => arrive({ peer, hello }), ...options });
  listeners.push(listener);
  return { listener, arrival };
}

async function pair(
  options: Partial<ListenOptions> = {},
): Promise<{ near: Peer; far: Peer; hello: Hello; listener: Listener }> {
  const { listener, arrival } = await open(options);
  const near = await dial(listener.url, {
    hello: { name: 'worker 1', device: 'cpu' },
    token: options.token,
    maxFrameBytes: options.limits?.maxFrameBytes,
  });
  const { peer: far, hello } = await arrival;
  return { near, far, hello, listener };
}

const next = (peer: Peer): Promise<Message> => new Promise((resolve) => peer.onMessage(resolve));
const closing = (peer: Peer): Promise<string> => new Promise((resolve) => peer.onClose(resolve));

/** The close code and reason that a raw client gets. */
const closeOf = (socket: WebSocket): Promise<string> =>
  new Promise((resolve) => socket.on('close', (code, reason) => resolve(`${code} ${String(reason)}`)));

describe('peers', () => {
  it('know each other by name after the handshake', async () => {
    const { near, far, hello } = await pair({ name: 'coordinator' });
    expect(near.name).toBe('coordinator');
    expect(far.name).toBe('worker 1');
    expect(hello).toEqual({ type: 'hello', name: 'worker 1', device: 'cpu' });
    expect(near.isOpen && far.isOpen).toBe(true);
  });

  it('get messages in order, both ways, those sent before a handler was set too', async () => {
    const { near, far } = await pair();
    for (let i = 0; i < 50; i++) far.send({ type: 'tick', i });
    await new Promise((resolve) => setTimeout(resolve, 20));
    const got: unknown[] = [];
    await new Promise<void>((resolve) =>
      near.onMessage((message) => {
        got.push(message['i']);
        if (got.length === 50) resolve();
      }),
    );
    expect(got).toEqual(Array.from({ length: 50 }, (_, i) => i));
    const answer = next(far);
    near.send({ type: 'data', values: Float32Array.of(1.5, NaN, -0) });
    expect((await answer)['values']).toEqual(Float32Array.of(1.5, NaN, -0));
  });

  it('get messages that the listener sends in the very moment of arrival', async () => {
    const { listener } = await open({ onPeer: (peer) => [1, 2, 3].forEach((i) => peer.send({ type: 'early', i })) });
    const near = await dial(listener.url, { hello: { name: 'w' } });
    expect((await next(near))['i']).toBe(1);
  });

  it('route a type past the handler of all others', async () => {
    const { near, far } = await pair();
    const routed = new Promise<Message>((resolve) => near.route('special', resolve));
    const plain = next(near);
    far.send({ type: 'special' });
    far.send({ type: 'plain' });
    expect((await routed).type).toBe('special');
    expect((await plain).type).toBe('plain');
  });

  it('hear the reason when the other side closes, once, and late listeners hear it too', async () => {
    const { near, far } = await pair();
    const heard = closing(far);
    near.close('the step was aborted');
    expect(await heard).toBe('the step was aborted');
    expect(await closing(far)).toBe('the step was aborted');
    expect(far.isOpen).toBe(false);
    far.send({ type: 'into the void' });
    await expect(far.sendFlushed({ type: 'x' })).rejects.toThrow(
      'the connection to worker 1 is closed: the step was aborted',
    );
  });

  it('cut a reason of any length to what a close frame holds', async () => {
    const { near, far } = await pair();
    const heard = closing(far);
    near.close('ü'.repeat(200));
    expect(await heard).toBe('ü'.repeat(61));
  });

  it('give errors of handlers to onError, thrown or rejected', async () => {
    const { near, far } = await pair();
    const errors: string[] = [];
    const both = new Promise<void>((resolve) =>
      near.onError((error) => {
        errors.push(error.message);
        if (errors.length === 2) resolve();
      }),
    );
    near.onMessage((message) => {
      if (message.type === 'throw') throw new Error('thrown');
      return Promise.reject(new Error('rejected'));
    });
    far.send({ type: 'throw' });
    far.send({ type: 'reject' });
    await both;
    expect(errors).toEqual(['thrown', 'rejected']);
    expect(near.isOpen).toBe(true);
  });

  it('close with the error of a handler where nobody set onError', async () => {
    const { near, far } = await pair();
    near.onMessage(() => {
      throw new Error('the block is unknown');
    });
    const heard = closing(far);
    far.send({ type: 'x' });
    expect(await heard).toBe('the block is unknown');
  });

  it('close on bytes that are no frame', async () => {
    const { listener, arrival } = await open();
    const socket = new WebSocket(listener.url, { headers: handshakeHeaders(undefined) });
    socket.on('open', () => socket.send(encodeFrame({ type: 'hello', name: 'rogue' })));
    const { peer } = await arrival;
    const reason = closing(peer);
    socket.send(Uint8Array.of(1, 2, 3));
    expect(await reason).toBe('3 bytes arrived that are no frame of pipetrain');
  });

  it('refuse frames beyond their limit', async () => {
    const { near, far } = await pair({ limits: { maxFrameBytes: 4096 } });
    expect(() => near.send({ type: 'x', data: new Float32Array(1024) })).toThrow('the limit of a frame is 4096');
    expect(near.isOpen && far.isOpen).toBe(true);
  });

  it('refuse to receive frames beyond their limit', async () => {
    const { listener, arrival } = await open({ limits: { maxFrameBytes: 4096 } });
    const near = await dial(listener.url, { hello: { name: 'w' } });
    const { peer } = await arrival;
    const reason = closing(peer);
    near.send({ type: 'x', data: new Float32Array(2048) });
    expect(await reason).toMatch(/payload size/i);
  });
});

describe('handshake', () => {
  it('lets the right token in and names a wrong one', async () => {
    const { listener } = await open({ token: 'sécret \n' });
    const near = await dial(listener.url, { hello: { name: 'w' }, token: 'sécret \n' });
    expect(near.isOpen).toBe(true);
    for (const token of ['Sécret \n', '', undefined, 'sécret ', 'secret \n'])
      await expect(dial(listener.url, { hello: { name: 'w' }, token })).rejects.toMatchObject({
        code: 'PT_TOKEN',
        exitCode: 2,
      });
  });

  it('refuses to open a port to the network without a token', async () => {
    await expect(open({ host: '0.0.0.0' })).rejects.toMatchObject({ code: 'PT_TOKEN_REQUIRED', exitCode: 2 });
    await expect(open({ host: '0.0.0.0', token: '' })).rejects.toMatchObject({ code: 'PT_TOKEN_REQUIRED' });
    const { listener } = await open({ host: '0.0.0.0', token: 't' });
    expect(listener.port).toBeGreaterThan(0);
  });

  it('names a port in use, with the remedy', async () => {
    const { listener } = await open();
    const again = open({ port: listener.port });
    await expect(again).rejects.toMatchObject({
      code: 'PT_PORT_IN_USE',
      message: `127.0.0.1:${listener.port} is in use by another process`,
    });
    await expect(again).rejects.toHaveProperty('hint', expect.stringContaining('--port'));
  });

  it('refuses web pages, other versions and plain requests', async () => {
    const { listener } = await open();
    const status = (headers: Record<string, string>): Promise<number | undefined> =>
      new Promise((resolve) => {
        const socket = new WebSocket(listener.url, { headers });
        socket.on('error', () => undefined);
        socket.on('unexpected-response', (request, response) => {
          resolve(response.statusCode);
          request.destroy();
        });
      });
    expect(await status({ ...handshakeHeaders(undefined), origin: 'http://example.com' })).toBe(403);
    expect(await status({})).toBe(426);
    expect((await fetch(listener.url.replace('ws:', 'http:'))).status).toBe(426);
  });

  it('closes on a first frame that is no hello, and on none', async () => {
    const { listener } = await open({ limits: { handshakeTimeoutMs: 50 } });
    const wrong = new WebSocket(listener.url, { headers: handshakeHeaders(undefined) });
    wrong.on('open', () => wrong.send(encodeFrame({ type: 'hello', name: '' })));
    expect(await closeOf(wrong)).toBe('4400 the first frame is no valid hello');
    const silent = new WebSocket(listener.url, { headers: handshakeHeaders(undefined) });
    expect(await closeOf(silent)).toBe('4408 no hello within 50 ms');
  });

  it('tells the dialler why it was refused', async () => {
    const { listener } = await open({
      onPeer: () => {
        throw new Error('worker w is here already');
      },
    });
    const near = await dial(listener.url, { hello: { name: 'w' } });
    expect(await closing(near)).toBe('worker w is here already');
  });

  it('survives clients that vanish in the middle of it', async () => {
    const { listener } = await open();
    for (const text of ['GET / HTTP/1.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n', 'nonsense\r\n\r\n', ''])
      await new Promise<void>((resolve) => {
        const stream = connect(listener.port, '127.0.0.1', () => stream.write(text, () => stream.resetAndDestroy()));
        stream.on('error', () => undefined).on('close', () => resolve());
      });
    await expect(dial(listener.url, { hello: { name: 'w' } })).resolves.toHaveProperty('isOpen', true);
  });

  it('says who could not be reached', async () => {
    const { listener } = await open();
    await listener.close();
    listeners.length = 0;
    await expect(dial(listener.url, { hello: { name: 'w' } })).rejects.toMatchObject({
      code: 'PT_DIAL',
      message: expect.stringContaining('ECONNREFUSED') as string,
    });
    for (const url of ['127.0.0.1:80', 'http://127.0.0.1', 'ws://127.0.0.1:1/#x', 'ws://'])
      await expect(dial(url, { hello: { name: 'w' } })).rejects.toMatchObject({ code: 'PT_URL' });
  });

  it('comes again where it was cut before it was heard', async () => {
    const { listener } = await open();
    let numCut = 0;
    const besieged = createProxy((client) => {
      if (numCut++ < 3) client.resetAndDestroy();
      else client.pipe(connect(listener.port, '127.0.0.1')).pipe(client);
    }).listen(0, '127.0.0.1');
    servers.push(besieged);
    await new Promise((resolve) => besieged.once('listening', resolve));
    const { port } = besieged.address() as AddressInfo;
    await expect(dial(`ws://127.0.0.1:${port}`, { hello: { name: 'w' } })).resolves.toHaveProperty('isOpen', true);
    expect(numCut).toBe(4);
  });

  it('gives up where it is always cut, when its time is over', async () => {
    const wall = createProxy((client) => void client.resetAndDestroy()).listen(0, '127.0.0.1');
    servers.push(wall);
    await new Promise((resolve) => wall.once('listening', resolve));
    const { port } = wall.address() as AddressInfo;
    await expect(dial(`ws://127.0.0.1:${port}`, { hello: { name: 'w' }, timeoutMs: 100 })).rejects.toMatchObject({
      code: 'PT_DIAL',
      message: `ws://127.0.0.1:${port} closed the connection before it answered`,
    });
  });

  it('gives up on a listener that never answers', async () => {
    const server = createServer()
      .on('upgrade', () => undefined)
      .listen(0, '127.0.0.1');
    servers.push(server);
    await new Promise((resolve) => server.once('listening', resolve));
    const { port } = server.address() as AddressInfo;
    await expect(dial(`ws://127.0.0.1:${port}`, { hello: { name: 'w' }, timeoutMs: 50 })).rejects.toMatchObject({
      code: 'PT_DIAL',
      message: expect.stringContaining('within 50 ms') as string,
    });
  });

  it('ends connections when the listener closes', async () => {
    const { near, listener } = await pair();
    const reason = closing(near);
    await listener.close();
    expect(await reason).toBe('the other side shut down');
  });
});
