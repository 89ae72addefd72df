// WrongPasses: how long the answer to a wrong pass is held back, by where it came from. It slows those that try one
// after the other and keeps no right one waiting; what makes a pass hard to guess is its length (protocol/token.ts).

const FIRST_PAUSE_MS = 100;
const LONGEST_PAUSE_MS = 5000;
/** A source that has shown no wrong pass for so long begins anew. */
const FORGOTTEN_AFTER_MS = 60_000;
const MAX_SOURCES = 1024;

interface Record {
  readonly count: number;
  readonly at: number;
}

export class WrongPasses {
  /** The source of the last wrong pass is at the end. */
  readonly #bySource = new Map<string, Record>();

  /** Counts one more; how many milliseconds its answer waits: twice as long each time, 5 s at most. */
  pauseFor(source: string, now = performance.now()): number {
    const before = this.#bySource.get(source);
    const count = before !== undefined && now - before.at < FORGOTTEN_AFTER_MS ? before.count + 1 : 1;
    this.#bySource.delete(source);
    this.#bySource.set(source, { count, at: now });
    const [oldest] = this.#bySource.keys();
    if (this.#bySource.size > MAX_SOURCES && oldest !== undefined) this.#bySource.delete(oldest);
    return Math.min(FIRST_PAUSE_MS * 2 ** Math.min(count - 1, 10), LONGEST_PAUSE_MS);
  }
}
