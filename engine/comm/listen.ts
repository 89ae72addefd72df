// Listen: a port on which peers arrive. It checks who they are and hands them over; it keeps no list of members (the
// coordinator does).
import { rmSync } from 'node:fs';
import {
  createServer as createHttpServer,
  type IncomingMessage,
  type Server as HttpServer,
  STATUS_CODES,
} from 'node:http';
import type { Server } from 'node:net';
import type { Duplex } from 'node:stream';
import { type RawData, type WebSocket, WebSocketServer } from 'ws';
import { messageOf, UsageError } from '../core/errors.js';
import { Door } from './door.js';
import { decodeFrame, encodeFrame, FRAME_VERSION, MAX_FRAME_BYTES } from './frame.js';
import {
  CLOSE_CODE,
  HANDSHAKE_TIMEOUT_MS,
  type Hello,
  helloSchema,
  isLoopback,
  isSamePass,
  type Shown,
  shownIn,
  VERSION_HEADER,
} from './handshake.js';
import { Arriving, Intake } from './intake.js';
import { Peer, type PeerOptions, truncate } from './peer.js';
import { type Credentials, secureContextOf } from './tls.js';
import { WrongPasses } from './wrong-passes.js';

/** Strangers at a time that may wait to be let in: at 500 a second each has a second to show the token. */
const MAX_STRANGERS = 512;
/** Connections at a time that have shown the token and not said hello. */
const MAX_NEWCOMERS = 128;
const LOOPBACK = '127.0.0.1';
/** Bytes of an upgrade request: all that a stranger without the token may say. */
const MAX_REQUEST_BYTES = 8192;
/** Bytes of a hello: a name and a few facts. */
const MAX_HELLO_BYTES = 65_536;
/** A closing handshake that the other side does not answer is cut after this long. */
const CLOSE_TIMEOUT_MS = 1000;

/** What peers and strangers may ask of a port. */
export interface ListenLimits {
  readonly maxFrameBytes?: number | undefined;
  /** Bytes of a frame of somebody who takes part in nothing yet (`Peer.takesPart`); default: as of everybody. */
  readonly guestFrameBytes?: number | undefined;
  /** For each part of the handshake. */
  readonly handshakeTimeoutMs?: number | undefined;
  /** Connections at a time that have not shown the token yet; default 512. */
  readonly maxStrangers?: number | undefined;
  /** Connections at a time that have shown the token and not said hello; default 128. */
  readonly maxNewcomers?: number | undefined;
  /** Frames that a peer may send within a second; see `Peer`. */
  readonly maxFramesPerSecond?: number | undefined;
}

export interface ListenOptions {
  /** Default 127.0.0.1. Any other than a loopback address needs a token, or `admits`. */
  readonly host?: string | undefined;
  /** 0 (the default) takes a free port. */
  readonly port?: number | undefined;
  /** What everybody who dials must show. */
  readonly token?: string | undefined;
  /**
   * Instead of a token: whether who dials under a name may come in with this pass (`isSamePass` compares). It is asked
   * before the connection exists, and the hello must have the same name.
   */
  readonly admits?: ((name: string, pass: string) => boolean) | undefined;
  /** How this side introduces itself. */
  readonly name?: string | undefined;
  /** Where given, the port speaks TLS (`wss://`) and refuses plain text. */
  readonly tls?: Credentials | undefined;
  readonly limits?: ListenLimits | undefined;
  /** Told of every connection that is not let in: HOST:PORT and why. A port that is open to others should record it. */
  readonly onRefused?: ((address: string, reason: string) => void) | undefined;
  /**
   * Called once per accepted peer, before any of its messages are delivered. An error thrown here refuses the peer with
   * its message.
   */
  readonly onPeer: (peer: Peer, hello: Hello) => void;
}

export interface Listener {
  /** `ws://HOST:PORT` or `wss://HOST:PORT`, ready for `dial`. */
  readonly url: string;
  readonly port: number;
  /** Closes the port and every connection. */
  close(): Promise<void>;
}

/** Opens a port. Throws a UsageError: PT_TOKEN_REQUIRED, PT_PORT_IN_USE, PT_ADDRESS, PT_TLS_FILES. */
export async function listen(options: ListenOptions): Promise<Listener> {
  const { host = LOOPBACK, port = 0, token, admits, tls } = options;
  if (!isLoopback(host) && admits === undefined && (token === undefined || token === ''))
    throw new UsageError(
      'PT_TOKEN_REQUIRED',
      `listening on ${host} would let every machine in reach join without a token`,
      `Give a token with --token-file, or none at all: a random one is made. Or listen on ${LOOPBACK}.`,
    );
  const entrance = new PeerEntrance(options);
  const bound = await bind(entrance.door.server, host, port);
  return {
    url: `${tls === undefined ? 'ws' : 'wss'}://${inUrl(host)}:${bound}`,
    port: bound,
    close: () => entrance.shut(),
  };
}

/**
 * Listens at a socket of the file system (`localSocketPath`), for processes of this user alone. Null where there can be
 * none: they come through the port then.
 */
export async function listenLocally(
  path: string,
  options: Omit<ListenOptions, 'host' | 'port' | 'tls'>,
): Promise<Pick<Listener, 'close'> | null> {
  const entrance = new PeerEntrance(options);
  const { server } = entrance.door;
  // What a killed process left there; nobody else can have made it.
  rmSync(path, { force: true });
  const isBound = await new Promise<boolean>((resolve) => {
    server.once('error', () => resolve(false));
    server.listen(path, () => resolve(true));
  });
  return isBound ? { close: () => entrance.shut() } : null;
}

/** What stands behind a port, wherever that is: door, request, hello. */
class PeerEntrance {
  readonly door: Door;
  readonly #options: ListenOptions;
  readonly #sockets: WebSocketServer;
  readonly #intake = new Intake();
  readonly #wrongPasses = new WrongPasses();

  constructor(options: ListenOptions) {
    const { tls, limits = {}, onRefused = () => undefined } = options;
    this.#options = options;
    // It never listens itself: connections come through the door.
    const http = createHttpServer({ maxHeaderSize: MAX_REQUEST_BYTES }, (request, response) => {
      this.door.refuse(request.socket, 'it asked for a web page');
      response
        .writeHead(426, { 'content-type': 'text/plain', connection: 'close' })
        .end('This port speaks the WebSocket protocol of pipetrain.\n');
    });
    this.door = new Door({
      secure: tls === undefined ? null : secureContextOf(tls),
      timeoutMs: limits.handshakeTimeoutMs ?? HANDSHAKE_TIMEOUT_MS,
      maxStrangers: limits.maxStrangers ?? MAX_STRANGERS,
      maxNewcomers: limits.maxNewcomers ?? MAX_NEWCOMERS,
      onRefused,
      admit: (stream) => void http.emit('connection', stream),
    });
    this.#sockets = new WebSocketServer({
      noServer: true,
      maxPayload: limits.maxFrameBytes ?? MAX_FRAME_BYTES,
      perMessageDeflate: false,
      skipUTF8Validation: true,
      // Nobody here sends pings; answers to those of others would pile up for whoever does not read.
      autoPong: false,
    });
    answerMalformed(http, this.#sockets, this.door);
    http.on('upgrade', (request: IncomingMessage, stream: Duplex, head: Buffer) => this.#decide(request, stream, head));
  }

  async shut(): Promise<void> {
    await shut(this.door, this.#sockets);
    this.#intake.close();
  }

  #decide(request: IncomingMessage, stream: Duplex, head: Buffer): void {
    const shown = shownIn(request.headers);
    const refusal = refuse(request, shown, this.#options);
    if (refusal !== null) return this.#turnAway(stream, refusal, shown);
    this.#sockets.handleUpgrade(request, stream, head, (socket) => {
      this.door.welcome(stream);
      this.#greet(socket, stream, shown.name);
    });
  }

  /** The answer to a guess waits, in the place that the stranger has. */
  #turnAway(stream: Duplex, [status, reason]: Refusal, { pass }: Shown): void {
    this.door.refuse(stream, reason);
    const isGuess = status === 401 && pass !== null;
    if (!isGuess) return answer(stream, status, reason);
    const pauseMs = this.#wrongPasses.pauseFor(this.door.sourceOf(stream));
    const timer = setTimeout(() => answer(stream, status, reason), pauseMs);
    // Whoever goes meanwhile is gone.
    stream.once('close', () => clearTimeout(timer)).resume();
  }

  /** Waits for the hello of a new connection and makes it a peer. */
  #greet(socket: WebSocket, stream: Duplex, shownName: string | null): void {
    const { limits = {} } = this.#options;
    const { handshakeTimeoutMs: timeoutMs = HANDSHAKE_TIMEOUT_MS, maxFrameBytes = MAX_FRAME_BYTES } = limits;
    const turnAway = (code: number, reason: string): void => {
      clearTimeout(timer);
      this.door.refuse(stream, reason);
      socket.close(code, truncate(reason));
      setTimeout(() => socket.terminate(), CLOSE_TIMEOUT_MS).unref();
    };
    const badHello = (): void => turnAway(CLOSE_CODE.badHello, 'the first frame is no valid hello');
    const timer = setTimeout(() => turnAway(CLOSE_CODE.helloTimeout, `no hello within ${timeoutMs} ms`), timeoutMs);
    const maxBytes = Math.min(MAX_HELLO_BYTES, maxFrameBytes);
    const arriving = new Arriving(this.#intake, stream, { maxBytes, onBroken: badHello });
    socket.on('message', () => arriving.ended());
    const ignore = (): void => undefined; // a 'close' follows every 'error'
    socket.on('error', ignore);
    socket.once('close', () => clearTimeout(timer));
    socket.once('message', (data: RawData) => {
      clearTimeout(timer);
      this.door.settle(stream);
      if (socket.readyState !== socket.OPEN) return; // too late
      let hello: Hello;
      try {
        hello = helloSchema.parse(decodeFrame(data as Buffer, maxBytes));
      } catch {
        return badHello();
      }
      // The pass was one of that name.
      if (shownName !== null && hello.name !== shownName)
        return turnAway(CLOSE_CODE.badHello, 'the hello has another name than the request');
      socket.off('error', ignore);
      const options = { arriving, remoteAddress: this.door.sourceOf(stream) };
      this.#introduce(socket, options, hello, (reason) => turnAway(CLOSE_CODE.refused, reason));
    });
  }

  /** The peer must listen before this turn ends: the next frame may be in the same packet. */
  #introduce(socket: WebSocket, known: PeerOptions, hello: Hello, turnAway: (reason: string) => void): void {
    const { name = 'listener', limits = {}, onPeer } = this.#options;
    const { maxFrameBytes, maxFramesPerSecond, guestFrameBytes } = limits;
    const peer = new Peer(hello.name, socket, { maxFrameBytes, maxFramesPerSecond, guestFrameBytes, ...known });
    if (guestFrameBytes === undefined) peer.takesPart();
    socket.send(encodeFrame({ type: 'welcome', name }), { binary: true });
    try {
      onPeer(peer, hello);
    } catch (error) {
      turnAway(messageOf(error));
    }
  }
}

type Refusal = readonly [status: number, reason: string];

/** Turns those away whose requests cannot be read. */
function answerMalformed(http: HttpServer, sockets: WebSocketServer, door: Door): void {
  http.on('clientError', (error: Error, stream: Duplex) => {
    door.refuse(stream, `its request is malformed: ${error.message}`);
    answer(stream, 400, 'This is no request that can be read.');
  });
  sockets.on('wsClientError', (error: Error, stream: Duplex) => {
    door.refuse(stream, `its upgrade request is malformed: ${error.message}`);
    answer(stream, 400, error.message);
  });
}

/** Why a request may not become a connection, or null. */
function refuse(request: IncomingMessage, shown: Shown, options: ListenOptions): Refusal | null {
  // Only browsers send an Origin: a web page must not reach a port on the loopback of the person who looks at it.
  if (request.headers.origin !== undefined) return [403, 'connections from web pages are refused'];
  if (!mayEnter(shown, options)) return [401, 'wrong or missing token'];
  const version = request.headers[VERSION_HEADER];
  if (version !== String(FRAME_VERSION))
    return [426, `frame version ${String(version)} dialled; this side speaks ${FRAME_VERSION}`];
  return null;
}

function mayEnter({ name, pass }: Shown, { token, admits }: ListenOptions): boolean {
  if (admits !== undefined) return name !== null && pass !== null && admits(name, pass);
  return token === undefined || isSamePass(pass, token);
}

function answer(stream: Duplex, status: number, reason: string): void {
  stream.on('error', () => stream.destroy());
  stream.end(
    `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}\r\nContent-Type: text/plain\r\nConnection: ` +
      `close\r\nContent-Length: ${Buffer.byteLength(reason)}\r\n\r\n${reason}`,
  );
}

function bind(server: Server, host: string, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EADDRINUSE')
        reject(
          new UsageError(
            'PT_PORT_IN_USE',
            `${host}:${port} is in use by another process`,
            'Choose another port with --listen HOST:PORT, or with --port where --listen is not given; 0 is a free one.',
            { cause: error },
          ),
        );
      else
        reject(
          new UsageError(
            'PT_ADDRESS',
            `cannot listen on ${host}:${port}: ${error.message}`,
            'Choose an address of this machine and a port above 1023.',
            { cause: error },
          ),
        );
    });
    server.listen(port, host, () => {
      const address = server.address();
      resolve(typeof address === 'object' && address !== null ? address.port : port);
    });
  });
}

async function shut(door: Door, sockets: WebSocketServer): Promise<void> {
  const closed = new Promise<void>((resolve) => door.server.close(() => resolve()));
  for (const socket of sockets.clients) socket.close(1001, 'the other side shut down');
  if (sockets.clients.size === 0) door.destroyAll();
  const cut = setTimeout(() => {
    for (const socket of sockets.clients) socket.terminate();
    door.destroyAll();
  }, 1000);
  await closed;
  clearTimeout(cut);
}

/** An IPv6 address stands in brackets. */
const inUrl = (host: string): string => (host.includes(':') && !host.startsWith('[') ? `[${host}]` : host);
