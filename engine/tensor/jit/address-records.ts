// AddressRecords: records of addresses and counts that change from call to call, for machine code that works through a
// list of them. Addresses are numbers here, not bigints: there are thousands per step, and a process has no address
// that a number cannot hold.
import { addressOf } from '../native.js';
import type { NativeRoutine } from './native-routine.js';

const HALF = 2 ** 32;
const WORD = 8;

/** Address of the first byte of a view; see `addressOf`. */
export const numericAddressOf = (view: ArrayBufferView): number => Number(addressOf(view));

export class AddressRecords {
  /** Where the records lie. */
  readonly address: number;
  /** Words as two halves, the lower one first. */
  readonly #halves: Uint32Array;
  readonly #start: bigint;
  readonly #words: number;
  #used = 0;

  /** Room for `capacity` records of so many bytes. */
  constructor(bytes: number, capacity: number) {
    this.#words = bytes / WORD;
    this.#halves = new Uint32Array(2 * this.#words * capacity);
    this.#start = addressOf(this.#halves);
    this.address = Number(this.#start);
  }

  get isFull(): boolean {
    return 2 * this.#used === this.#halves.length;
  }

  /** The next word of a record: an address or a count. */
  push(word: number): void {
    this.#halves[2 * this.#used] = word % HALF;
    this.#halves[2 * this.#used + 1] = word / HALF;
    this.#used++;
  }

  /** Has the code work through the records, which are whole, and starts over. */
  flush(routine: NativeRoutine): void {
    if (this.#used > 0) routine.call(this.#start, BigInt(this.#used / this.#words));
    this.#used = 0;
  }
}
