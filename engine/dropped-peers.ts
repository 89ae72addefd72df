// DroppedPeers: the events of connections that were not let in or were cut. It keeps somebody who knocks a thousand times from filling the disk: the
// first ones are told, then the count at every doubling.
import type { RunEventBody } from './events.js';

/** So many are told one by one. */
const TOLD_ONE_BY_ONE = 20;

export class DroppedPeers {
  #count = 0;

  /** The event of one more, or null where it is not told. */
  note(peer: string, reason: string): RunEventBody | null {
    const count = ++this.#count;
    const isTold = count <= TOLD_ONE_BY_ONE || Number.isInteger(Math.log2(count));
    return isTold ? { type: 'peer.dropped', peer, reason, count } : null;
  }
}
