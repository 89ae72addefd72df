// SessionLog: the events of one session of a run: kept in memory until the run begins, in the folder from then on. A
// resume that fails before it goes on leaves no trace in a folder that was good without it.
import { EventLog } from '../events/event-log.js';
import type { RunEvent, RunEventBody } from '../events/events.js';
import type { ProgressState } from '../run/progress.js';

export class SessionLog {
  readonly #path: string;
  readonly #start = performance.now();
  readonly #waiting: { readonly body: RunEventBody; readonly at: number }[] = [];
  #log: EventLog | null = null;
  /** What the clock of the log shows; null: the time it is. */
  #at: number | null = null;

  constructor(path: string) {
    this.#path = path;
  }

  get hasBegun(): boolean {
    return this.#log !== null;
  }

  /** Why events are kept in memory though the run has begun, or null. */
  get heldBecause(): string | null {
    return this.#log?.heldBecause ?? null;
  }

  /**
   * Opens the file and writes what waited, with the times at which it came. Returns the events that tell what the file
   * has lost before: what in it was no event, and steps of `from`, where the run goes on. Throws as `EventLog` does.
   */
  begin(from: ProgressState | null): RunEvent[] {
    this.#at = this.#start;
    this.#log = new EventLog(this.#path, () => this.#at ?? performance.now());
    const lost = from === null ? null : this.#log.goOnAfter(from.steps, from.digest);
    for (const { body, at } of this.#waiting.splice(0)) {
      this.#at = at;
      this.#log.append(body);
    }
    this.#at = null;
    return [...this.#log.mended, ...(lost === null ? [] : [lost])];
  }

  /** As `EventLog.append`. Before the run begins, the time counts from the start of this session. */
  append(body: RunEventBody): RunEvent {
    if (this.#log !== null) return this.#log.append(body);
    const at = performance.now();
    this.#waiting.push({ body, at });
    return { time: Math.round((at - this.#start) * 1000) / 1e6, ...body };
  }

  /** Seconds since the run began, as events count them. */
  get time(): number {
    return this.#log?.time ?? (performance.now() - this.#start) / 1000;
  }

  /** As `EventLog.sync`, once the run has begun. */
  sync(): void {
    this.#log?.sync();
  }

  close(): void {
    this.#log?.close();
  }
}
