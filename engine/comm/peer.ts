// Peer: the other end of one open connection. It sends and delivers messages; it knows no protocol beyond frames, and
// it does not reconnect.
import type { RawData, WebSocket } from 'ws';
import { messageOf, WorkerError } from '../core/errors.js';
import { decodeFrame, encodeFrame, FrameError, MAX_FRAME_BYTES, type Message, type Sendable } from './frame.js';
import type { Arriving } from './intake.js';

export type MessageHandler = (message: Message) => void | Promise<void>;

/** A closing handshake that the other side does not answer is cut after this long. */
const CLOSE_TIMEOUT_MS = 1000;

/** A close reason may have at most 123 bytes of UTF-8 on the wire. */
const MAX_REASON_BYTES = 123;

/** Frames that a peer may send within a second: many times what the smallest model rings between two stages. */
const MAX_FRAMES_PER_SECOND = 200_000;
/** Messages that may wait for a handler. */
const MAX_WAITING = 10_000;

export interface PeerOptions {
  readonly maxFrameBytes?: number | undefined;
  /** Frames that may arrive within a second, before the peer is dropped; default 200,000. */
  readonly maxFramesPerSecond?: number | undefined;
  /** Address of this host on the way to the other end, where that is known. */
  readonly localAddress?: string | undefined;
  /** The message that is arriving, where its length and its time are limited. */
  readonly arriving?: Arriving | undefined;
  /** Bytes of a frame until `takesPart`; default: as afterwards. */
  readonly guestFrameBytes?: number | undefined;
  /** Address of the other end, where that is known. */
  readonly remoteAddress?: string | undefined;
}

export class Peer {
  /** Who is at the other end, by its own words in the handshake. */
  readonly name: string;
  /** Address of this host on the way to the other end, where that is known. */
  readonly localAddress: string | null;
  /** Address of the other end, where that is known. */
  readonly remoteAddress: string | null;
  readonly #socket: WebSocket;
  readonly #maxFrameBytes: number;
  readonly #arriving: Arriving | null;
  readonly #maxFramesPerSecond: number;
  /** Frames of the second that began at `#secondBegan`. */
  #numFrames = 0;
  #secondBegan = 0;
  readonly #routes = new Map<string, MessageHandler>();
  readonly #closeHandlers: ((reason: string) => void)[] = [];
  #handler: MessageHandler | null = null;
  #onError: ((error: Error) => void) | null = null;
  /** Messages that arrived before anyone wanted them. */
  #waiting: Message[] = [];
  #closeReason: string | null = null;
  #localReason: string | null = null;
  #isDistrusted = false;
  #heardAt = performance.now();

  /** Takes over an open socket; nobody else may read its messages any more. */
  constructor(name: string, socket: WebSocket, options: PeerOptions = {}) {
    this.name = name;
    this.localAddress = options.localAddress ?? null;
    this.remoteAddress = options.remoteAddress ?? null;
    this.#socket = socket;
    this.#maxFrameBytes = options.maxFrameBytes ?? MAX_FRAME_BYTES;
    this.#maxFramesPerSecond = options.maxFramesPerSecond ?? MAX_FRAMES_PER_SECOND;
    this.#arriving = options.arriving ?? null;
    this.#arriving?.govern({
      maxBytes: options.guestFrameBytes ?? this.#maxFrameBytes,
      onBroken: (reason) => this.#distrust(new FrameError(`${name} sent a message without an end: ${reason}`)),
    });
    socket.on('message', (data: RawData, isBinary: boolean) => this.#receive(data, isBinary));
    socket.on('close', (code: number, reason: Buffer) => this.#closed(code, reason.toString()));
    socket.on('error', (error: Error) => {
      // A 'close' always follows; keep the cause for its reason.
      this.#localReason ??= error.message;
    });
  }

  get isOpen(): boolean {
    return this.#closeReason === null && this.#socket.readyState === this.#socket.OPEN;
  }

  /** Milliseconds since anything arrived: a link that is cut closes no connection, silence is its only sign. */
  get silentMs(): number {
    return performance.now() - this.#heardAt;
  }

  /**
   * Sends a message. Messages arrive in order. On a closed peer it does nothing: `onClose` tells. Throws a FrameError
   * for what cannot travel.
   */
  send(message: Sendable): void {
    const frame = encodeFrame(message, this.#maxFrameBytes);
    if (this.isOpen) this.#socket.send(frame, { binary: true }, ignoreSendError);
  }

  /**
   * As `send`; resolves when the operating system has taken the bytes, rejects with a WorkerError (PT_PEER_CLOSED) when
   * it never will.
   */
  sendFlushed(message: Sendable): Promise<void> {
    const frame = encodeFrame(message, this.#maxFrameBytes);
    return new Promise((resolve, reject) => {
      const fail = (cause?: Error): void =>
        reject(peerClosed(this.name, this.#closeReason ?? cause?.message ?? 'closing', cause));
      if (!this.isOpen) fail();
      else this.#socket.send(frame, { binary: true }, (error) => (error ? fail(error) : resolve()));
    });
  }

  /**
   * Sets the handler of all messages without a route of their own; those that arrived before are delivered now, in
   * order.
   */
  onMessage(handler: MessageHandler): void {
    this.#handler = handler;
    this.#deliverWaiting();
  }

  /**
   * Sets the handler of one message type, ahead of `onMessage`; those of this type that still wait are delivered now.
   */
  route(type: string, handler: MessageHandler): void {
    this.#routes.set(type, handler);
    this.#deliverWaiting();
  }

  /** Adds a handler that is called once with the reason; also when the peer is closed already (then a little later). */
  onClose(handler: (reason: string) => void): void {
    const reason = this.#closeReason;
    if (reason === null) this.#closeHandlers.push(handler);
    else queueMicrotask(() => handler(reason));
  }

  /**
   * Sets the handler of errors thrown by message handlers and of undecodable frames. Without one, the connection closes
   * with the error as its reason.
   */
  onError(handler: (error: Error) => void): void {
    this.#onError = handler;
  }

  /** The other end takes part in something from now on: its frames may be as long as frames may be. */
  takesPart(): void {
    this.#arriving?.admit();
  }

  /** Closes the connection; the other side sees the reason. */
  close(reason = 'closed'): void {
    if (this.#closeReason !== null) return;
    this.#localReason ??= reason;
    this.#socket.close(1000, truncate(reason));
    setTimeout(() => this.#socket.terminate(), CLOSE_TIMEOUT_MS).unref();
  }

  #receive(data: RawData, isBinary: boolean): void {
    if (this.#closeReason !== null || this.#isDistrusted) return;
    this.#heardAt = performance.now();
    try {
      this.#count();
      if (!isBinary || !(data instanceof Uint8Array)) throw new FrameError(`${this.name} sent text; frames are binary`);
      this.#deliver(decodeFrame(data, this.#maxFrameBytes));
    } catch (error) {
      this.#distrust(error);
    }
  }

  /** What comes after a frame that cannot be decoded cannot be trusted either. */
  #distrust(error: unknown): void {
    this.#isDistrusted = true;
    this.#failed(error);
    this.close(messageOf(error));
  }

  /** Throws where more frames come than any honest peer sends. */
  #count(): void {
    const now = performance.now();
    if (now - this.#secondBegan >= 1000) {
      this.#secondBegan = now;
      this.#numFrames = 0;
    }
    if (++this.#numFrames > this.#maxFramesPerSecond)
      throw new FrameError(`${this.name} sent more than ${this.#maxFramesPerSecond} frames within a second`);
  }

  #deliver(message: Message): void {
    const handler = this.#routes.get(message.type) ?? this.#handler;
    if (handler === null) {
      if (this.#waiting.length >= MAX_WAITING)
        throw new FrameError(`${this.name} sent ${MAX_WAITING} messages that nobody waits for`);
      this.#waiting.push(message);
      return;
    }
    try {
      const done = handler(message);
      if (done instanceof Promise) done.catch((error: unknown) => this.#failed(error));
    } catch (error) {
      this.#failed(error);
    }
  }

  #deliverWaiting(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const message of waiting) this.#deliver(message);
  }

  #failed(error: unknown): void {
    const known = error instanceof Error ? error : new Error(String(error));
    if (this.#onError === null) this.close(known.message);
    else this.#onError(known);
  }

  #closed(code: number, remoteReason: string): void {
    if (this.#closeReason !== null) return;
    const fallback = code === 1006 ? 'connection lost' : `closed with code ${code}`;
    const reason = this.#localReason ?? (remoteReason === '' ? fallback : remoteReason);
    this.#closeReason = reason;
    for (const handler of this.#closeHandlers.splice(0)) handler(reason);
  }
}

/** The error of work that needs a peer which is gone. */
export function peerClosed(name: string, reason: string, cause?: Error): WorkerError {
  return new WorkerError(
    'PT_PEER_CLOSED',
    `the connection to ${name} is closed: ${reason}`,
    'See the log of that worker for the cause.',
    { cause },
  );
}

/** `close` events report what failed; a second report per message would only repeat it. */
const ignoreSendError = (): void => undefined;

/** The longest prefix of a reason that fits into a close frame, cut between characters. */
export function truncate(reason: string): string {
  const { read } = new TextEncoder().encodeInto(reason, new Uint8Array(MAX_REASON_BYTES));
  return reason.slice(0, read);
}
