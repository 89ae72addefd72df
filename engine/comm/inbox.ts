// Inbox: counted signals by sender and key, for doorbells such as `F 12 3 0` ("the output of this action lies in shared
// memory"). It carries no data. A signal counts only for whoever waits for that very sender; what nobody waits for yet
// is kept, so many of each sender and no longer than `forget` says. It knows no step and no plan.
import { FrameError } from './frame.js';

interface Waiter {
  readonly sender: string;
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

/**
 * Signals of one sender that may be kept: many times what one stage can be ahead of another by. A sender of more is not
 * honest.
 */
const MAX_KEPT = 65_536;

export class Inbox {
  /** Signals without a waiter: how many, by key and by sender. */
  readonly #signals = new Map<string, Map<string, number>>();
  /** Signals kept, by sender. */
  readonly #numKept = new Map<string, number>();
  /** Waiters without a signal of their sender, oldest first, by key. */
  readonly #waiters = new Map<string, Waiter[]>();
  readonly #maxKept: number;
  #failure: Error | null = null;

  constructor({ maxKept = MAX_KEPT }: { readonly maxKept?: number } = {}) {
    this.#maxKept = maxKept;
  }

  /** Whom the one that has waited longest waits for, or null where nobody waits. */
  get waitsFor(): string | null {
    for (const [waiter] of this.#waiters.values()) if (waiter !== undefined) return waiter.sender;
    return null;
  }

  /**
   * Gives one signal to the oldest waiter for that sender and key, or keeps it. Throws a FrameError where somebody
   * waits for this signal of another sender, and where too many of this one are kept.
   */
  deliver(sender: string, key: string): void {
    const waiters = this.#waiters.get(key);
    if (waiters === undefined) return this.#keep(sender, key);
    const at = waiters.findIndex((waiter) => waiter.sender === sender);
    if (at < 0) throw wrongSender(sender, key, waiters[0]?.sender ?? 'nobody');
    const [first] = waiters.splice(at, 1);
    if (waiters.length === 0) this.#waiters.delete(key);
    first?.resolve();
  }

  /**
   * Takes a kept signal; false where there is none. Saves a turn of the event loop where the signal is there already.
   */
  tryTake(sender: string, key: string): boolean {
    const senders = this.#signals.get(key);
    const count = senders?.get(sender);
    if (senders === undefined || count === undefined || this.#failure !== null) return false;
    if (count > 1) senders.set(sender, count - 1);
    else if (senders.size > 1) senders.delete(sender);
    else this.#signals.delete(key);
    this.#count(sender, -1);
    return true;
  }

  /**
   * Resolves when a signal of that sender and key is there, and takes it. Rejects with the error of `fail`, before and
   * after.
   */
  wait(sender: string, key: string): Promise<void> {
    if (this.#failure !== null) return Promise.reject(this.#failure);
    if (this.tryTake(sender, key)) return Promise.resolve();
    return new Promise((resolve, reject) => {
      const waiter = { sender, resolve, reject };
      const waiters = this.#waiters.get(key);
      if (waiters === undefined) this.#waiters.set(key, [waiter]);
      else waiters.push(waiter);
    });
  }

  /** Drops the kept signals of which `isOld` says so: nobody will wait for them any more. */
  forget(isOld: (key: string) => boolean): void {
    for (const [key, senders] of this.#signals) {
      if (!isOld(key)) continue;
      for (const [sender, count] of senders) this.#count(sender, -count);
      this.#signals.delete(key);
    }
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
    this.#numKept.clear();
    this.#failure = null;
  }

  #keep(sender: string, key: string): void {
    if ((this.#numKept.get(sender) ?? 0) >= this.#maxKept)
      throw new FrameError(`${sender} rang ${this.#maxKept} doorbells that nobody waits for`);
    const senders = this.#signals.get(key) ?? new Map<string, number>();
    senders.set(sender, (senders.get(sender) ?? 0) + 1);
    this.#signals.set(key, senders);
    this.#count(sender, 1);
  }

  #count(sender: string, change: number): void {
    const count = (this.#numKept.get(sender) ?? 0) + change;
    if (count > 0) this.#numKept.set(sender, count);
    else this.#numKept.delete(sender);
  }
}

const wrongSender = (sender: string, key: string, expected: string): FrameError =>
  new FrameError(`${sender} rang "${key}", which is for ${expected} to ring`);
