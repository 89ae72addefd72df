// StateCopies: the state of the blocks that a worker holds, kept where it outlives the process: snapshots to recover
// from, and copies that a checkpoint is written from while training goes on. Where there is no memory for one, that is
// told and nothing fails: the snapshot before is whole, and a checkpoint may be written from the blocks themselves.
import { isMemoryFileError, isMemoryShortage } from '../core/conditions.js';
import type { StateTransfer } from '../state/state-transfer.js';
import type { Place } from './equipment.js';

export class StateCopies {
  readonly #place: Place;
  readonly #transfer: StateTransfer;

  /** `transfer` brings what is to be kept to the coordinator's host, where this worker is on another one. */
  constructor(place: Place, transfer: StateTransfer) {
    this.#place = place;
    this.#transfer = transfer;
  }

  /** Returns why the snapshot is not whole, or null. */
  writeSnapshot(version: number): string | null {
    return this.#keep(`snapshot ${version}`, () => this.#place.store.writeSnapshot(version));
  }

  /** Returns why there is no copy, or null. */
  copy(generation: number): string | null {
    return this.#keep(`copy ${generation}`, () => this.#place.store.copyState());
  }

  #keep(name: string, keepHere: () => void): string | null {
    try {
      if (this.#place.isHome) keepHere();
      else this.#transfer.keep(name);
      return null;
    } catch (error) {
      // A folder that was taken away is made anew by the coordinator, which is told so by this.
      if (!isMemoryShortage(error) && !isMemoryFileError(error)) throw error;
      return error.message;
    }
  }
}
