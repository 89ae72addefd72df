// Door: what stands between an open port and the handshake. It tells TLS from plain text by the first byte, gives every
// stranger a place and a time that are limited, and lets go of both when the stranger is known. It does not know
// tokens, nor what is said over a connection.
import { createServer, type Server, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { type SecureContext, TLSSocket } from 'node:tls';
import { isLoopback } from './handshake.js';

/** First byte of every TLS connection: a handshake record. */
const TLS_HANDSHAKE = 0x16;

export interface DoorOptions {
  /** Where given, the port speaks TLS and nothing else. */
  readonly secure: SecureContext | null;
  /** From the first packet until `welcome`. */
  readonly timeoutMs: number;
  /**
   * Strangers at a time, those of this machine and those of others counted apart: a flood from outside must not keep
   * local workers out.
   */
  readonly maxStrangers: number;
  readonly onRefused: (address: string, reason: string) => void;
  /** Takes a connection over which HTTP is to be spoken. */
  readonly admit: (stream: Duplex) => void;
}

interface Stranger {
  readonly socket: Socket;
  readonly address: string;
  readonly isLocal: boolean;
  timer: NodeJS.Timeout | undefined;
}

export class Door {
  readonly server: Server;
  readonly #options: DoorOptions;
  readonly #strangers = new Set<Stranger>();
  readonly #sockets = new Set<Socket>();
  /** By the stream that was admitted: the socket itself, or the secured one over it. */
  readonly #byStream = new WeakMap<Duplex, Stranger>();

  constructor(options: DoorOptions) {
    this.#options = options;
    this.server = createServer({ noDelay: true, keepAlive: true, keepAliveInitialDelay: 5000 }, (socket) =>
      this.#meet(socket),
    );
  }

  /** Who an admitted stream belongs to, as HOST:PORT. */
  addressOf(stream: Duplex): string {
    return this.#byStream.get(stream)?.address ?? 'unknown';
  }

  /** The other side of an admitted stream is known: it needs no place among the strangers any more. */
  welcome(stream: Duplex): void {
    const stranger = this.#byStream.get(stream);
    if (stranger === undefined) return;
    clearTimeout(stranger.timer);
    this.#strangers.delete(stranger);
  }

  /** Notes why an admitted stream was not let in. The caller answers and ends it. */
  refuse(stream: Duplex, reason: string): void {
    this.#options.onRefused(this.addressOf(stream), reason);
  }

  /** Cuts every connection. */
  destroyAll(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  #meet(socket: Socket): void {
    const host = socket.remoteAddress ?? '';
    const stranger: Stranger = {
      socket,
      address: `${host}:${socket.remotePort}`,
      isLocal: isLoopback(host),
      timer: undefined,
    };
    socket.on('error', () => socket.destroy());
    const numAlike = [...this.#strangers].filter(({ isLocal }) => isLocal === stranger.isLocal).length;
    if (numAlike >= this.#options.maxStrangers)
      return this.#dismiss(stranger, `${numAlike} connections wait to be let in already`);
    this.#strangers.add(stranger);
    this.#sockets.add(socket);
    stranger.timer = setTimeout(
      () => this.#dismiss(stranger, `it was not known after ${this.#options.timeoutMs} ms`),
      this.#options.timeoutMs,
    );
    socket.once('close', () => {
      clearTimeout(stranger.timer);
      this.#strangers.delete(stranger);
      this.#sockets.delete(socket);
    });
    socket.once('data', (first: Buffer) => {
      socket.pause();
      socket.unshift(first);
      this.#greet(stranger, first[0] === TLS_HANDSHAKE);
    });
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
      if (!isSecure) this.#options.onRefused(stranger.address, `TLS failed: ${error.message}`);
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

  #dismiss({ socket, address }: Stranger, reason: string): void {
    socket.destroy();
    this.#options.onRefused(address, reason);
  }
}
