// Places: who waits at a port to be known, by where they come from, and who of them has to go when it is full. However
// many come, whoever comes gets a place: the oldest of the source with the most gives its own up. It cuts nobody
// itself.

/** So many of a source that was let in before keep their places whatever other sources do. */
const KEPT_OF_KNOWN = 32;
/** So many sources that were let in are remembered; only those that know the pass come among them. */
const MAX_KNOWN = 256;

interface Waiting<T> {
  readonly guest: T;
  /** Counts up: who came first. */
  readonly number: number;
}

export class Places<T> {
  readonly #limit: number;
  /** By source; each in the order in which they came. */
  readonly #waiting = new Map<string, Waiting<T>[]>();
  /** The one that was let in last is at the end. */
  readonly #known = new Set<string>();
  #numWaiting = 0;
  #numEver = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Gives a place to whoever comes; returns the one that loses its own by that, or null. */
  take(source: string, guest: T): T | null {
    const alike = this.#waiting.get(source);
    const waiting = { guest, number: this.#numEver++ };
    if (alike === undefined) this.#waiting.set(source, [waiting]);
    else alike.push(waiting);
    if (++this.#numWaiting <= this.#limit) return null;
    const largest = this.#largest();
    const oldest = this.#waiting.get(largest)?.[0]?.guest ?? guest;
    this.leave(largest, oldest);
    return oldest;
  }

  /** Gives a place back; without effect where there is none. */
  leave(source: string, guest: T): void {
    const alike = this.#waiting.get(source) ?? [];
    const index = alike.findIndex((waiting) => waiting.guest === guest);
    if (index < 0) return;
    alike.splice(index, 1);
    this.#numWaiting--;
    if (alike.length === 0) this.#waiting.delete(source);
  }

  /** Somebody who comes from there has shown that it may come in. */
  know(source: string): void {
    this.#known.delete(source);
    this.#known.add(source);
    for (const oldest of this.#known) {
      if (this.#known.size <= MAX_KNOWN) return;
      this.#known.delete(oldest);
    }
  }

  /** The source that has to give a place up: the one with the most; of several the one that came first. */
  #largest(): string {
    let found = '';
    let most = -1;
    let first = 0;
    for (const [source, alike] of this.#waiting) {
      const count = this.#known.has(source) && alike.length <= KEPT_OF_KNOWN ? 0 : alike.length;
      const number = alike[0]?.number ?? 0;
      if (count < most || (count === most && number >= first)) continue;
      [found, most, first] = [source, count, number];
    }
    return found;
  }
}
