// Bulk: float arrays of any size over a peer, cut into frames. Only for what crosses hosts; on one host arrays lie in shared memory and only
// doorbells travel.
import { z } from 'zod';
import { FrameError, type Message } from './frame.js';
import { peerClosed, type Peer } from './peer.js';

/** Elements of one frame: 1 MiB. Larger frames are slower per byte, because both ends then work on memory outside their caches. */
export const BULK_ELEMENTS = 2 ** 18;

/** Frames in flight to the operating system: enough to keep the socket busy, few enough to bound the memory. */
const WINDOW = 8;

const PART = 'bulk-part';
const count = z.number().int().nonnegative();
const partSchema = z.object({ type: z.literal(PART), key: z.string(), total: count, offset: count, data: z.instanceof(Float32Array) });

/**
 * Sends a float array under a key, bit for bit. The array must not change before the promise resolves, which is when the operating system has
 * taken all of it. Rejects with a WorkerError (PT_PEER_CLOSED) where the connection closes first.
 */
export async function sendArray(peer: Peer, key: string, data: Float32Array): Promise<void> {
  const flying: Promise<void>[] = [];
  let offset = 0;
  do {
    const part = data.subarray(offset, offset + BULK_ELEMENTS);
    const sent = peer.sendFlushed({ type: PART, key, total: data.length, offset, data: part });
    sent.catch(() => undefined); // awaited below; a second failure of the same connection must not count as unhandled
    flying.push(sent);
    offset += part.length;
    if (flying.length >= WINDOW) await flying.shift();
  } while (offset < data.length);
  await Promise.all(flying);
}

interface Waiter {
  readonly resolve: (data: Float32Array) => void;
  readonly reject: (error: Error) => void;
}

interface Partial {
  readonly data: Float32Array;
  filled: number;
}

/** Collects arrays that peers send with `sendArray`. Arrays of one key are handed out in the order in which they became complete. */
export class ArrayInbox {
  readonly #capBytes: number;
  readonly #peers = new Set<Peer>();
  readonly #ready = new Map<string, Float32Array[]>();
  readonly #waiters = new Map<string, Waiter[]>();
  #heldBytes = 0;
  #failure: Error | null = null;

  /** `capBytes` bounds what is held at a time, unfinished and unclaimed arrays together. */
  constructor(capBytes: number = 2 ** 30) {
    this.#capBytes = capBytes;
  }

  /** Bytes of unfinished and unclaimed arrays. */
  get heldBytes(): number {
    return this.#heldBytes;
  }

  /**
   * Takes the arrays of a peer from now on. A peer that closes in the middle of an array fails the inbox, and so does the last peer that
   * closes while someone waits: nothing could ever end that wait.
   */
  attach(peer: Peer): void {
    const partials = new Map<string, Partial>();
    this.#peers.add(peer);
    peer.route(PART, (message) => {
      try {
        this.#accept(partials, message);
      } catch (error) {
        const known = error instanceof Error ? error : new Error(String(error));
        this.fail(known);
        peer.close(known.message);
      }
    });
    peer.onClose((reason) => {
      this.#peers.delete(peer);
      for (const partial of partials.values()) this.#heldBytes -= partial.data.byteLength;
      if (partials.size > 0 || (this.#peers.size === 0 && this.#waiters.size > 0)) this.fail(peerClosed(peer.name, reason));
      partials.clear();
    });
  }

  /** The next array of a key. Rejects with the error of `fail`. */
  receive(key: string): Promise<Float32Array> {
    if (this.#failure !== null) return Promise.reject(this.#failure);
    const ready = this.#ready.get(key);
    const first = ready?.shift();
    if (ready?.length === 0) this.#ready.delete(key);
    if (first !== undefined) {
      this.#heldBytes -= first.byteLength;
      return Promise.resolve(first);
    }
    return new Promise((resolve, reject) => append(this.#waiters, key, { resolve, reject }));
  }

  /** Rejects everyone who waits, and every later `receive`. */
  fail(error: Error): void {
    this.#failure ??= error;
    const waiting = [...this.#waiters.values()].flat();
    this.#waiters.clear();
    for (const waiter of waiting) waiter.reject(this.#failure);
  }

  #accept(partials: Map<string, Partial>, message: Message): void {
    const parsed = partSchema.safeParse(message);
    if (!parsed.success) throw new FrameError(`a part of an array is malformed: ${parsed.error.issues[0]?.message ?? ''}`);
    const { key, total, offset, data } = parsed.data;
    const partial = partials.get(key) ?? this.#open(partials, key, total);
    if (partial.data.length !== total || partial.filled !== offset || offset + data.length > total || (data.length === 0 && total > 0))
      throw new FrameError(`part [${offset}, ${offset + data.length}) of ${total} arrived for array "${key}", which has ${partial.filled} of ${partial.data.length} elements`);
    partial.data.set(data, offset);
    partial.filled += data.length;
    if (partial.filled < total) return;
    partials.delete(key);
    const waiters = this.#waiters.get(key);
    const first = waiters?.shift();
    if (waiters?.length === 0) this.#waiters.delete(key);
    if (first === undefined) return append(this.#ready, key, partial.data);
    this.#heldBytes -= partial.data.byteLength;
    first.resolve(partial.data);
  }

  #open(partials: Map<string, Partial>, key: string, total: number): Partial {
    const bytes = total * Float32Array.BYTES_PER_ELEMENT;
    if (this.#heldBytes + bytes > this.#capBytes)
      throw new FrameError(`array "${key}" of ${bytes} bytes does not fit: ${this.#heldBytes} of ${this.#capBytes} bytes are held already`);
    this.#heldBytes += bytes;
    const partial = { data: new Float32Array(total), filled: 0 };
    partials.set(key, partial);
    return partial;
  }
}

function append<T>(lists: Map<string, T[]>, key: string, value: T): void {
  const list = lists.get(key);
  if (list === undefined) lists.set(key, [value]);
  else list.push(value);
}
