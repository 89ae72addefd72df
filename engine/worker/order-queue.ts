// OrderQueue: orders of the coordinator in the order of arrival, for a worker that takes one at a time. Not a general
// queue: it has one reader.
import { WorkerError } from '../core/errors.js';

/** Orders that may wait: a coordinator gives a handful ahead. */
const MAX_WAITING = 10_000;

export class OrderQueue<T> {
  readonly #items: T[] = [];
  #waiting: { resolve: (item: T) => void; reject: (error: Error) => void } | null = null;
  #failure: Error | null = null;

  push(item: T): void {
    const waiting = this.#waiting;
    if (waiting === null && this.#items.length >= MAX_WAITING)
      this.fail(new WorkerError('PT_PROTOCOL', `${MAX_WAITING} orders wait already`, 'Report this.'));
    else if (waiting === null) this.#items.push(item);
    else {
      this.#waiting = null;
      waiting.resolve(item);
    }
  }

  /** Gives an item back to the front of the queue, for the next read. */
  putBack(item: T): void {
    this.#items.unshift(item);
  }

  /** Makes the reader, now or later, fail. The first failure stays. */
  fail(error: Error): void {
    this.#failure ??= error;
    this.#waiting?.reject(this.#failure);
    this.#waiting = null;
  }

  next(): Promise<T> {
    const item = this.#items.shift();
    if (item !== undefined) return Promise.resolve(item);
    if (this.#failure !== null) return Promise.reject(this.#failure);
    return new Promise((resolve, reject) => {
      this.#waiting = { resolve, reject };
    });
  }
}
