// Inbox: counted signals by key, for doorbells such as `F 12 3 0` ("the output of this action lies in shared memory").
// It carries no data, and it does not care which peer a signal came from.

interface Waiter {
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

export class Inbox {
  /** Signals without a waiter. */
  readonly #signals = new Map<string, number>();
  /** Waiters without a signal, oldest first. A key is never in both maps. */
  readonly #waiters = new Map<string, Waiter[]>();
  #failure: Error | null = null;

  /** Gives one signal to the oldest waiter of the key, or keeps it. */
  deliver(key: string): void {
    const waiters = this.#waiters.get(key);
    if (waiters === undefined) {
      this.#signals.set(key, (this.#signals.get(key) ?? 0) + 1);
      return;
    }
    const first = waiters.shift();
    if (waiters.length === 0) this.#waiters.delete(key);
    first?.resolve();
  }

  /**
   * Takes a kept signal; false where there is none. Saves a turn of the event loop where the signal is there already.
   */
  tryTake(key: string): boolean {
    const count = this.#signals.get(key);
    if (count === undefined || this.#failure !== null) return false;
    if (count === 1) this.#signals.delete(key);
    else this.#signals.set(key, count - 1);
    return true;
  }

  /** Resolves when a signal of the key is there, and takes it. Rejects with the error of `fail`, before and after. */
  wait(key: string): Promise<void> {
    if (this.#failure !== null) return Promise.reject(this.#failure);
    if (this.tryTake(key)) return Promise.resolve();
    return new Promise((resolve, reject) => {
      const waiter = { resolve, reject };
      const waiters = this.#waiters.get(key);
      if (waiters === undefined) this.#waiters.set(key, [waiter]);
      else waiters.push(waiter);
    });
  }

  /** Rejects every waiter, and every later `wait` until `clear`. The first error stays: it is nearest to the cause. */
  fail(error: Error): void {
    this.#failure ??= error;
    const waiting = [...this.#waiters.values()].flat();
    this.#waiters.clear();
    for (const waiter of waiting) waiter.reject(this.#failure);
  }

  /** Forgets all signals and the failure, for a new generation. Waiters that are left are rejected. */
  clear(): void {
    if (this.#waiters.size > 0) this.fail(new Error('the inbox was cleared while someone waited'));
    this.#signals.clear();
    this.#failure = null;
  }
}
