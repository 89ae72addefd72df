// EventStream: the newest events of a run for as many readers as there are, each at its own pace. Nobody who reads
// slowly, or stops reading, holds up the run or lets memory grow: what is not kept any more is in events.jsonl.
import { Deferred } from '../core/deferred.js';
import type { RunEvent } from '../events/events.js';

/** Events that are kept at least; some megabytes. */
export const EVENTS_KEPT = 10_000;

export class EventStream implements AsyncIterable<RunEvent> {
  readonly #most: number;
  #kept: RunEvent[] = [];
  /** The number of the first event that is kept. */
  #first = 0;
  #more = new Deferred<void>();
  #end: { readonly error: unknown } | null = null;

  constructor(most = EVENTS_KEPT) {
    this.#most = most;
  }

  push(event: RunEvent): void {
    this.#kept.push(event);
    // Seldom, so that it costs nothing.
    if (this.#kept.length >= 2 * this.#most) this.#first += this.#kept.splice(0, this.#kept.length - this.#most).length;
    this.#wake();
  }

  /** No more follow; readers then end, or fail with `error` where there is one. */
  close(error: unknown = null): void {
    this.#end ??= { error };
    this.#wake();
  }

  /** From the oldest event that is kept. A reader that falls behind what is kept goes on with the oldest that is. */
  async *[Symbol.asyncIterator](): AsyncGenerator<RunEvent, void> {
    for (let next = this.#first; ;) {
      next = Math.max(next, this.#first);
      const event = this.#kept[next - this.#first];
      if (event !== undefined) {
        next++;
        yield event;
      } else if (this.#end === null) await this.#more.promise;
      else if (this.#end.error !== null) throw this.#end.error as Error;
      else return;
    }
  }

  #wake(): void {
    const waiting = this.#more;
    this.#more = new Deferred<void>();
    waiting.resolve();
  }
}
