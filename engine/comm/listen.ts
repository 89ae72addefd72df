// Listen: a port on which peers arrive. It checks who they are and hands them over; it keeps no list of members (the coordinator does).
import { createServer, STATUS_CODES, type IncomingMessage, type Server } from 'node:http';
import type { Duplex } from 'node:stream';
import { WebSocketServer, type RawData, type WebSocket } from 'ws';
import { UsageError } from '../core/errors.js';
import { decodeFrame, encodeFrame, FRAME_VERSION, MAX_FRAME_BYTES } from './frame.js';
import { CLOSE_CODE, HANDSHAKE_TIMEOUT_MS, helloSchema, isAuthorized, isLoopback, VERSION_HEADER, type Hello } from './handshake.js';
import { Peer, truncate } from './peer.js';

export interface ListenOptions {
  /** Default 127.0.0.1. Any other than a loopback address needs a token. */
  readonly host?: string | undefined;
  /** 0 (the default) takes a free port. */
  readonly port?: number | undefined;
  readonly token?: string | undefined;
  /** How this side introduces itself. */
  readonly name?: string | undefined;
  readonly maxFrameBytes?: number | undefined;
  readonly handshakeTimeoutMs?: number | undefined;
  /** Called once per accepted peer, before any of its messages are delivered. An error thrown here refuses the peer with its message. */
  readonly onPeer: (peer: Peer, hello: Hello) => void;
}

export interface Listener {
  /** `ws://HOST:PORT`, ready for `dial`. */
  readonly url: string;
  readonly port: number;
  /** Closes the port and every connection. */
  close(): Promise<void>;
}

/** Opens a port. Throws a UsageError: PT_TOKEN_REQUIRED, PT_PORT_IN_USE, PT_ADDRESS. */
export async function listen(options: ListenOptions): Promise<Listener> {
  const { host = '127.0.0.1', port = 0, token, maxFrameBytes = MAX_FRAME_BYTES } = options;
  if (!isLoopback(host) && (token === undefined || token === ''))
    throw new UsageError('PT_TOKEN_REQUIRED', `listening on ${host} would let every machine in reach join without a token`, 'Pass --token SECRET, or listen on 127.0.0.1.');

  const server = createServer({ noDelay: true, keepAlive: true, keepAliveInitialDelay: 5000 }, (_request, response) => {
    response.writeHead(426, { 'content-type': 'text/plain', connection: 'close' }).end('This port speaks the WebSocket protocol of pipetrain.\n');
  });
  const sockets = new WebSocketServer({ noServer: true, maxPayload: maxFrameBytes, perMessageDeflate: false, skipUTF8Validation: true });
  server.on('upgrade', (request: IncomingMessage, stream: Duplex, head: Buffer) => {
    const refusal = refuse(request, token);
    if (refusal !== null) return answer(stream, ...refusal);
    sockets.handleUpgrade(request, stream, head, (socket) => greet(socket, options, maxFrameBytes));
  });
  const bound = await bind(server, host, port);
  return {
    url: `ws://${host.includes(':') && !host.startsWith('[') ? `[${host}]` : host}:${bound}`,
    port: bound,
    close: () => shut(server, sockets),
  };
}

/** Why a request may not become a connection, or null. */
function refuse(request: IncomingMessage, token: string | undefined): [status: number, reason: string] | null {
  // Only browsers send an Origin: a web page must not reach a port on the loopback of the person who looks at it.
  if (request.headers.origin !== undefined) return [403, 'connections from web pages are refused'];
  if (!isAuthorized(request.headers.authorization, token)) return [401, 'wrong or missing token'];
  const version = request.headers[VERSION_HEADER];
  if (version !== String(FRAME_VERSION)) return [426, `frame version ${String(version)} dialled; this side speaks ${FRAME_VERSION}`];
  return null;
}

function answer(stream: Duplex, status: number, reason: string): void {
  stream.on('error', () => stream.destroy());
  stream.end(`HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}\r\nContent-Type: text/plain\r\nConnection: close\r\nContent-Length: ${Buffer.byteLength(reason)}\r\n\r\n${reason}`);
}

/** Waits for the hello of a new connection and makes it a peer. */
function greet(socket: WebSocket, options: ListenOptions, maxFrameBytes: number): void {
  const timeoutMs = options.handshakeTimeoutMs ?? HANDSHAKE_TIMEOUT_MS;
  const timer = setTimeout(() => socket.close(CLOSE_CODE.helloTimeout, `no hello within ${timeoutMs} ms`), timeoutMs);
  const ignore = (): void => undefined; // a 'close' follows every 'error'
  socket.on('error', ignore);
  socket.once('close', () => clearTimeout(timer));
  socket.once('message', (data: RawData) => {
    clearTimeout(timer);
    let hello: Hello;
    try {
      hello = helloSchema.parse(decodeFrame(data as Buffer, maxFrameBytes));
    } catch {
      socket.close(CLOSE_CODE.badHello, 'the first frame is no valid hello');
      return;
    }
    // The peer must listen before this turn ends: the next frame may be in the same packet.
    const peer = new Peer(hello.name, socket, { maxFrameBytes });
    socket.off('error', ignore);
    socket.send(encodeFrame({ type: 'welcome', name: options.name ?? 'listener' }), { binary: true });
    try {
      options.onPeer(peer, hello);
    } catch (error) {
      socket.close(CLOSE_CODE.refused, truncate(error instanceof Error ? error.message : String(error)));
    }
  });
}

function bind(server: Server, host: string, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EADDRINUSE')
        reject(new UsageError('PT_PORT_IN_USE', `${host}:${port} is in use by another process`, 'Choose another port with --port, or --port 0 for a free one.', { cause: error }));
      else reject(new UsageError('PT_ADDRESS', `cannot listen on ${host}:${port}: ${error.message}`, 'Choose an address of this machine and a port above 1023.', { cause: error }));
    });
    server.listen(port, host, () => {
      const address = server.address();
      resolve(typeof address === 'object' && address !== null ? address.port : port);
    });
  });
}

async function shut(server: Server, sockets: WebSocketServer): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  for (const socket of sockets.clients) socket.close(1001, 'the other side shut down');
  const cut = setTimeout(() => {
    for (const socket of sockets.clients) socket.terminate();
    server.closeAllConnections();
  }, 1000);
  await closed;
  clearTimeout(cut);
}
