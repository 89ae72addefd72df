// Remote write: float arrays of this process that others write into over a connection, as on one host they would write
// into shared memory. Like shared memory it says nothing: whoever has written rings a doorbell afterwards on the same
// connection, which keeps the order. Nothing is allocated for what arrives: a place is opened by its owner, with its
// length and for one writer, before anything is sent there.
import { z } from 'zod';
import { FrameError, type Message } from './frame.js';
import type { Peer } from './peer.js';

/** Type of the messages that carry pieces of arrays. */
export const WRITE = 'write';

/**
 * Elements of one frame: 1 MiB. Larger frames are slower per byte, because both ends then work on memory outside their
 * caches.
 */
export const PIECE_ELEMENTS = 2 ** 18;

/** Frames in flight to the operating system: enough to keep the socket busy, few enough to bound the memory. */
const WINDOW = 8;

const writeSchema = z.object({
  type: z.literal(WRITE),
  place: z.string().max(200),
  offset: z.number().int().nonnegative(),
  data: z.instanceof(Float32Array),
});

interface Piece {
  readonly type: typeof WRITE;
  readonly place: string;
  readonly offset: number;
  readonly data: Float32Array;
}

function* piecesOf(place: string, data: Float32Array, offset: number): Generator<Piece> {
  for (let from = 0; from < data.length; from += PIECE_ELEMENTS)
    yield { type: WRITE, place, offset: offset + from, data: data.subarray(from, from + PIECE_ELEMENTS) };
}

/**
 * Sends `data` to elements `offset`... of a place of the other side, bit for bit. The array may change as soon as this
 * returns.
 */
export function writeTo(peer: Peer, place: string, data: Float32Array, offset = 0): void {
  for (const piece of piecesOf(place, data, offset)) peer.send(piece);
}

/**
 * As `writeTo`, in bounded memory: resolves when the operating system has taken all of the array, which must not change
 * before. Rejects with a WorkerError (PT_PEER_CLOSED) where the connection closes first.
 */
export async function writeSlowlyTo(peer: Peer, place: string, data: Float32Array): Promise<void> {
  const flying: Promise<void>[] = [];
  for (const piece of piecesOf(place, data, 0)) {
    const sent = peer.sendFlushed(piece);
    sent.catch(() => undefined); // awaited below; a second failure of the same connection must not count as unhandled
    flying.push(sent);
    if (flying.length >= WINDOW) await flying.shift();
  }
  await Promise.all(flying);
}

interface Place {
  readonly writer: string;
  readonly data: Float32Array;
}

/** The places of this process that are open to others. */
export class Landings {
  readonly #places = new Map<string, Place>();

  /** Places that are open. */
  get size(): number {
    return this.#places.size;
  }

  /** Lets `writer`, and nobody else, write into `data`. */
  open(place: string, writer: string, data: Float32Array): void {
    this.#places.set(place, { writer, data });
  }

  close(place: string): void {
    this.#places.delete(place);
  }

  closeAll(): void {
    this.#places.clear();
  }

  /**
   * Takes a piece that `writer` sent. One for a place that is not open is dropped: it was on its way when the place was
   * closed. Throws a FrameError for one that is malformed, does not fit its place, or comes from somebody else than the
   * place is for.
   */
  accept(writer: string, message: Message): void {
    const parsed = writeSchema.safeParse(message);
    if (!parsed.success)
      throw new FrameError(`a piece of an array is malformed: ${parsed.error.issues[0]?.message ?? ''}`);
    const { place: name, offset, data } = parsed.data;
    const place = this.#places.get(name);
    if (place === undefined) return;
    if (place.writer !== writer) throw new FrameError(`${writer} wrote to "${name}", which is for ${place.writer}`);
    if (offset + data.length > place.data.length)
      throw new FrameError(
        `elements [${offset}, ${offset + data.length}) arrived for "${name}", which has ${place.data.length}`,
      );
    place.data.set(data, offset);
  }
}
