// StateTransfer: the state of blocks on its way between a worker and other hosts: fetched from a worker that holds it
// or from the coordinator, given to workers that ask, and brought to the coordinator for snapshots and checkpoints. On
// one host the block store does all that by copying.
import { z } from 'zod';
import { FrameError, type Message } from '../comm/frame.js';
import type { Peer } from '../comm/peer.js';
import { writeSlowlyTo } from '../comm/remote-write.js';
import type { BlockSeat, BlockStore } from '../dp/block-store.js';
import { bellKey } from '../protocol/bells.js';
import { HOME } from '../protocol/home.js';

export const PARTS = ['weights', 'states'] as const;
export type Part = (typeof PARTS)[number];

/** What a fetch asks for. The parts are written into the places of the asker, those that exist, and then it is rung. */
export const fetchSchema = z.object({
  type: z.literal('fetch'),
  generation: z.number().int().nonnegative(),
  block: z.number().int().nonnegative(),
  /** The block whose state is asked for; default: the same. */
  like: z.number().int().nonnegative().optional(),
  parts: z.array(z.enum(PARTS)).max(PARTS.length),
});
type Fetch = z.infer<typeof fetchSchema>;

/** Where the asker of a fetch wants a part, and the doorbell that says that all of them are there. */
const fetchPlace = ({ generation, block }: Pick<Fetch, 'generation' | 'block'>, part: Part): string =>
  `fetch ${generation} ${block} ${part}`;
const fetchBell = ({ generation, block }: Pick<Fetch, 'generation' | 'block'>): string =>
  bellKey('fetched', { generation, step: null }, block);
/** Where the coordinator wants the part of a block of a snapshot or a copy. */
export const keptPlace = (name: string, block: number, part: Part): string => `${name} ${block} ${part}`;

/** Fetches of one peer that are answered at a time: honest ones ask for one block after the other. */
const MAX_AT_ONCE = 4;

/** Answers fetches, of each peer so many at a time. */
export class FetchDesk {
  readonly #pending = new WeakMap<Peer, number>();

  /** As `answerFetch`. Throws a FrameError where the peer asks for more before it has what it asked for. */
  answer(peer: Peer, fetch: Fetch, state: Readonly<Record<Part, Float32Array | null>>): void {
    const pending = this.#pending.get(peer) ?? 0;
    if (pending >= MAX_AT_ONCE) throw new FrameError(`${peer.name} asks for ${pending + 1} blocks at a time`);
    this.#pending.set(peer, pending + 1);
    void answerFetch(peer, fetch, state).then(() => this.#pending.set(peer, (this.#pending.get(peer) ?? 1) - 1));
  }
}

/**
 * Answers a fetch: the parts that are there, in order, then the doorbell. A connection that closes meanwhile ends it.
 */
async function answerFetch(
  peer: Peer,
  fetch: Fetch,
  state: Readonly<Record<Part, Float32Array | null>>,
): Promise<void> {
  try {
    for (const part of fetch.parts) {
      const data = state[part];
      if (data !== null) await writeSlowlyTo(peer, fetchPlace(fetch, part), data);
    }
    peer.send({ type: 'bell', key: fetchBell(fetch) });
  } catch {
    // Who asked is gone; the coordinator learns of that by itself.
  }
}

/**
 * How state travels: places of this worker that another one writes, requests for that, and the doorbells that end it.
 */
export interface StateChannel {
  land(place: string, writer: string, data: Float32Array): void;
  leave(place: string): void;
  request(worker: string, message: Message): void;
  wait(worker: string, key: string): Promise<void>;
  write(worker: string, place: string, data: Float32Array, offset?: number): void;
}

export class StateTransfer {
  readonly #channel: StateChannel;
  readonly #store: BlockStore;
  readonly #desk = new FetchDesk();

  constructor(channel: StateChannel, store: BlockStore) {
    this.#channel = channel;
    this.#store = store;
  }

  /** As `BlockStore.hold`, from a worker on another host that is connected. */
  async hold(generation: number, block: number, source: BlockSeat, trains: boolean): Promise<number> {
    const { weights, states } = this.#store.makeRoom(block, trains);
    const into = { weights, states: source.trained ? states : null };
    return this.#fetch(
      { generation, block, ...(source.like === undefined ? {} : { like: source.like }) },
      source.worker,
      into,
    );
  }

  /** As `BlockStore.restore`, from the coordinator. States that it has not start at zero. */
  async restore(generation: number, block: number, trains: boolean): Promise<number> {
    this.#store.dropGone(block);
    this.#store.makeRoom(block, trains);
    const { weights, states } = this.#store.parts(block);
    states?.fill(0);
    return this.#fetch({ generation, block }, HOME, { weights, states: trains ? states : null });
  }

  /** Brings all blocks that are held to the coordinator, ahead of everything that is reported later. */
  keep(name: string): void {
    for (const block of this.#store.blocks) {
      const state = this.#store.parts(block);
      for (const part of PARTS) {
        const data = state[part];
        if (data !== null) this.#channel.write(HOME, keptPlace(name, block, part), data);
      }
    }
  }

  /**
   * Gives a block to a worker that asks. Throws a FrameError where it asks for something else, or for a block that is
   * not here.
   */
  serve(message: Message, peer: Peer): void {
    const fetch = fetchSchema.safeParse(message);
    if (!fetch.success) throw new FrameError(`neither a doorbell nor a fetch: ${fetch.error.issues[0]?.message ?? ''}`);
    const { block, like = block } = fetch.data;
    if (!this.#store.blocks.includes(like)) throw new FrameError(`block ${like} is not here`);
    this.#desk.answer(peer, fetch.data, this.#store.parts(like));
  }

  async #fetch(
    wish: Pick<Fetch, 'generation' | 'block' | 'like'>,
    from: string,
    into: Readonly<Record<Part, Float32Array | null>>,
  ): Promise<number> {
    const parts = PARTS.filter((part) => into[part] !== null);
    if (parts.length === 0) return 0;
    const fetch: Fetch = { type: 'fetch', ...wish, parts };
    try {
      for (const part of parts) this.#channel.land(fetchPlace(fetch, part), from, into[part] ?? new Float32Array());
      this.#channel.request(from, fetch);
      await this.#channel.wait(from, fetchBell(fetch));
    } finally {
      for (const part of parts) this.#channel.leave(fetchPlace(fetch, part));
    }
    return parts.reduce((bytes, part) => bytes + (into[part]?.byteLength ?? 0), 0);
  }
}
