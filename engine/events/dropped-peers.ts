// DroppedPeers: the events of connections that were not let in or were cut. It keeps somebody who knocks a thousand
// times from filling the disk: the first ones are told, then the count at every doubling.
import type { RunEventBody } from './events.js';

/** So many are told one by one. */
const TOLD_ONE_BY_ONE = 20;

/** Counts what happens again and again. */
export class DropCount {
  value = 0;

  /** Counts one more; whether it is one that is told. */
  isTold(): boolean {
    const count = ++this.value;
    return count <= TOLD_ONE_BY_ONE || Number.isInteger(Math.log2(count));
  }
}

export class DroppedPeers {
  readonly #count = new DropCount();

  /** The event of one more, or null where it is not told. */
  note(peer: string, reason: string): RunEventBody | null {
    return this.#count.isTold() ? { type: 'peer.dropped', peer, reason, count: this.#count.value } : null;
  }
}
