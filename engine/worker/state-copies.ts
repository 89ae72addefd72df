// StateCopies: the state of the blocks that a worker holds, kept where it outlives the process: snapshots to recover
// from, and copies that a checkpoint is written from. They are made beside the next step, which computes with the state
// and changes nothing of it before its update: that has to wait for them. Where there is no memory for one, that is
// told and nothing fails: the snapshot before is whole, and the next checkpoint may find room.
import { isMemoryFileError, isMemoryShortage } from '../core/conditions.js';
import type { StateTransfer } from '../state/state-transfer.js';
import type { Place } from './equipment.js';

/** What became of a copy: why it is not whole, or null, and for how long an update waited for it. */
export interface CopyEnd {
  readonly problem: string | null;
  readonly waitedMs: number;
}

export class StateCopies {
  readonly #place: Place;
  readonly #transfer: StateTransfer;
  #underWay: Promise<unknown> = Promise.resolve();
  /** Since when somebody waits for what is under way, on the clock of `performance`; null: nobody does. */
  #waitsSince: number | null = null;
  /** Copies that were begun before are of no use to anybody. */
  #numAbandoned = 0;

  /** `transfer` brings what is to be kept to the coordinator's host, where this worker is on another one. */
  constructor(place: Place, transfer: StateTransfer) {
    this.#place = place;
    this.#transfer = transfer;
  }

  /** Resolves when the snapshot is whole, or cannot be; to null where it was abandoned before. */
  writeSnapshot(version: number): Promise<CopyEnd | null> {
    return this.#begin(`snapshot ${version}`, () => this.#place.store.writeSnapshot(version));
  }

  /** As `writeSnapshot`, for a copy that a checkpoint is written from. */
  copy(generation: number): Promise<CopyEnd | null> {
    return this.#begin(`copy ${generation}`, () => this.#place.store.copyState());
  }

  /** Resolves when nothing is being copied any more: only then may the state change, or its memory go. */
  async settled(): Promise<void> {
    this.#waitsSince = performance.now();
    await this.#underWay;
    this.#waitsSince = null;
  }

  /** What is under way comes to an end, and nobody is told of it. */
  abandon(): void {
    this.#numAbandoned++;
  }

  #begin(name: string, keepHere: () => Promise<void>): Promise<CopyEnd | null> {
    const copy = this.#keep(name, keepHere);
    this.#underWay = Promise.allSettled([this.#underWay, copy]);
    return copy;
  }

  async #keep(name: string, keepHere: () => Promise<void>): Promise<CopyEnd | null> {
    const numAbandoned = this.#numAbandoned;
    const problem = await this.#problemOf(name, keepHere);
    const waitedMs = this.#waitsSince === null ? 0 : performance.now() - this.#waitsSince;
    return numAbandoned === this.#numAbandoned ? { problem, waitedMs } : null;
  }

  async #problemOf(name: string, keepHere: () => Promise<void>): Promise<string | null> {
    try {
      if (this.#place.isHome) await keepHere();
      else this.#transfer.keep(name);
      return null;
    } catch (error) {
      // A folder that was taken away is made anew by the coordinator, which is told so by this.
      if (!isMemoryShortage(error) && !isMemoryFileError(error)) throw error;
      return error.message;
    }
  }
}
