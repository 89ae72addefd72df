// RunNews: what comes to a run unasked, from its port and its workers, as events: connections that were not let in or
// were cut, and a cache that was given up. It changes nothing.
import { DroppedPeers } from '../events/dropped-peers.js';
import type { Report } from '../protocol/messages.js';
import type { RunStand } from './run-stand.js';
import type { TrainHost } from './train-host.js';

export class RunNews {
  readonly #emit: TrainHost['emit'];
  readonly #stand: RunStand;
  readonly #dropped = new DroppedPeers();
  #isCacheOff = false;

  constructor(emit: TrainHost['emit'], stand: RunStand) {
    this.#emit = emit;
    this.#stand = stand;
  }

  /** A connection was not let in, or was cut. */
  dropped(peer: string, reason: string): void {
    const event = this.#dropped.note(peer, reason);
    if (event !== null) this.#emit(event);
  }

  /** A worker reports something on its own. The cache of a run goes off once. */
  reported(report: Report, worker: string): void {
    if (report.type !== 'cache-off' || this.#isCacheOff) return;
    this.#isCacheOff = true;
    this.#emit({
      type: 'cache.changed',
      step: this.#stand.step,
      state: 'off',
      depth: this.#stand.depth,
      recordBytes: 0,
      capacity: 0,
      reason: `worker ${worker}: ${report.reason}`,
    });
  }
}
