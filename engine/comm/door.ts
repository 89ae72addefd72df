// Door: what stands between an open port and the handshake. It tells TLS from plain text by the first byte, gives every
// stranger a place and a time that are limited, and lets go of both when the stranger is known. It does not know
// tokens, nor what is said over a connection.
import { createServer, type Server, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { type SecureContext, TLSSocket } from 'node:tls';
import { Places } from './places.js';
import { FILE_SYSTEM, sourceOf } from './source.js';

/** First byte of every TLS connection: a handshake record. */
const TLS_HANDSHAKE = 0x16;

export interface DoorOptions {
  /** Where given, the port speaks TLS and nothing else. */
  readonly secure: SecureContext | null;
  /** Until `welcome`. */
  readonly timeoutMs: number;
  /** Strangers at a time; one more takes the place of the oldest of the source with the most. */
  readonly maxStrangers: number;
  /** As many may be welcome and have said nothing yet, in places of their own. */
  readonly maxNewcomers: number;
  readonly onRefused: (address: string, reason: string) => void;
  /** Takes a connection over which HTTP is to be spoken. */
  readonly admit: (stream: Duplex) => void;
}

interface Stranger {
  readonly socket: Socket;
  readonly source: string;
  readonly address: string;
  /** Where it waits; null when it does not any more. */
  places: Places<Stranger> | null;
  timer: NodeJS.Timeout | undefined;
}

export class Door {
  readonly server: Server;
  readonly #options: DoorOptions;
  readonly #strangers: Places<Stranger>;
  readonly #newcomers: Places<Stranger>;
  readonly #sockets = new Set<Socket>();
  /** By the stream that was admitted: the socket itself, or the secured one over it. */
  readonly #byStream = new WeakMap<Duplex, Stranger>();

  constructor(options: DoorOptions) {
    this.#options = options;
    this.#strangers = new Places(options.maxStrangers);
    this.#newcomers = new Places(options.maxNewcomers);
    this.server = createServer({ noDelay: true, keepAlive: true, keepAliveInitialDelay: 5000 }, (socket) =>
      this.#meet(socket),
    );
  }

  /** Where an admitted stream comes from. */
  sourceOf(stream: Duplex): string {
    return this.#byStream.get(stream)?.source ?? FILE_SYSTEM;
  }

  /** The other side of an admitted stream may come in: whoever else comes from there has places of its own now. */
  welcome(stream: Duplex): void {
    const stranger = this.#byStream.get(stream);
    if (stranger === undefined) return;
    clearTimeout(stranger.timer);
    this.#strangers.know(stranger.source);
    this.#wait(stranger, this.#newcomers);
  }

  /** It has said something: it needs no place any more. */
  settle(stream: Duplex): void {
    const stranger = this.#byStream.get(stream);
    if (stranger !== undefined) this.#release(stranger);
  }

  /** Notes why an admitted stream was not let in. The caller answers and ends it. */
  refuse(stream: Duplex, reason: string): void {
    this.#options.onRefused(this.#byStream.get(stream)?.address ?? 'unknown', reason);
  }

  /** Cuts every connection. */
  destroyAll(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  #meet(socket: Socket): void {
    const { remoteAddress } = socket;
    const stranger: Stranger = {
      socket,
      source: sourceOf(remoteAddress),
      address: remoteAddress === undefined ? FILE_SYSTEM : `${remoteAddress}:${socket.remotePort}`,
      places: null,
      timer: undefined,
    };
    const { timeoutMs } = this.#options;
    socket.on('error', () => socket.destroy());
    this.#sockets.add(socket);
    stranger.timer = setTimeout(() => {
      socket.destroy();
      this.#options.onRefused(stranger.address, `it was not known after ${timeoutMs} ms`);
    }, timeoutMs);
    socket.once('close', () => {
      this.#release(stranger);
      this.#sockets.delete(socket);
    });
    socket.once('data', (first: Buffer) => {
      socket.pause();
      socket.unshift(first);
      this.#greet(stranger, first[0] === TLS_HANDSHAKE);
    });
    this.#wait(stranger, this.#strangers);
  }

  #greet(stranger: Stranger, speaksTls: boolean): void {
    const { socket } = stranger;
    const { secure } = this.#options;
    if (speaksTls === (secure !== null)) {
      if (secure === null) this.#admit(stranger, socket);
      else this.#secure(stranger, secure);
      return;
    }
    // Plain text either way: who speaks TLS learns from it that nobody here does.
    const reason = speaksTls ? 'it speaks TLS, this port does not' : 'it speaks plain text, this port TLS';
    const answer = speaksTls ? 'This port speaks plain text: dial ws://.' : 'This port speaks TLS: dial wss://.';
    socket.end(
      `HTTP/1.1 426 Upgrade Required\r\n${speaksTls ? '' : 'Upgrade: TLS/1.3\r\n'}Connection: ` +
        `close\r\nContent-Type: text/plain\r\nContent-Length: ${answer.length}\r\n\r\n${answer}`,
    );
    // What it still sends is of no interest, but unread it would turn the answer into a reset.
    socket.resume();
    this.#options.onRefused(stranger.address, reason);
  }

  #secure(stranger: Stranger, secureContext: SecureContext): void {
    const secured = new TLSSocket(stranger.socket, { isServer: true, secureContext, ALPNProtocols: ['http/1.1'] });
    let isSecure = false;
    secured.on('error', (error: Error) => {
      // One that lost its place was told so.
      if (!isSecure && stranger.places !== null)
        this.#options.onRefused(stranger.address, `TLS failed: ${error.message}`);
      stranger.socket.destroy();
    });
    secured.once('secure', () => {
      isSecure = true;
      this.#admit(stranger, secured);
    });
  }

  #admit(stranger: Stranger, stream: Duplex): void {
    this.#byStream.set(stream, stranger);
    this.#options.admit(stream);
    stream.resume();
  }

  /** Moves it among those that wait there; whoever loses a place by that is cut. */
  #wait(stranger: Stranger, places: Places<Stranger>): void {
    stranger.places?.leave(stranger.source, stranger);
    stranger.places = places;
    const loser = places.take(stranger.source, stranger);
    if (loser === null) return;
    this.#release(loser);
    // Not a word: the other side learns at once that it has to come again, and nothing is kept of it here.
    loser.socket.resetAndDestroy();
    this.#options.onRefused(loser.address, 'others came, and it had not said who it is');
  }

  #release(stranger: Stranger): void {
    clearTimeout(stranger.timer);
    stranger.places?.leave(stranger.source, stranger);
    stranger.places = null;
  }
}
