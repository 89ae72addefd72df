// Trouble: the first failure since the last recovery, which ends all waiting, and the workers that were lost since
// then. It judges every failure that a worker reports or causes; how the run goes on is the trainer's business, and who
// replaces the lost that of regroup.ts.
import { isMemoryShortage } from '../core/conditions.js';
import type { PlanInForce } from '../protocol/plan-in-force.js';
import type { Departures } from './departures.js';
import { culpritOf, failureFrom, LostWorker } from './lost-worker.js';
import type { Roster } from './roster.js';
import type { RunPhase } from './run-phase.js';

export interface TroubleOptions {
  readonly roster: Roster;
  readonly departures: Departures;
  readonly plans: PlanInForce;
  readonly phase: RunPhase;
}

export class Trouble {
  readonly #options: TroubleOptions;
  readonly #lost = new Map<string, string>();
  /** The first failure since the last recovery. */
  #first: Error | null = null;
  /** Waits that it ends. A promise for them would keep all that was ever waited for, for as long as nothing fails. */
  readonly #waits = new Set<(error: Error) => void>();

  constructor(options: TroubleOptions) {
    this.#options = options;
  }

  /**
   * Lets `end` be called at the first failure since the last recovery, at once where that has come already. To be
   * called off with what is returned when the wait is over: nothing is kept of it then.
   */
  onFirst(end: (error: Error) => void): () => void {
    if (this.#first === null) this.#waits.add(end);
    else end(this.#first);
    return () => this.#waits.delete(end);
  }

  /** Workers whose loss has not been dealt with, and why they are gone. Grows while it is looked at. */
  get lost(): ReadonlyMap<string, string> {
    return this.#lost;
  }

  /** Takes note of a failure that `reporter` reports or causes. */
  note(given: Error, reporter: string): void {
    const { roster, departures, phase } = this.#options;
    if (phase.isEnding || !roster.has(reporter)) return;
    const { cause, worker } = culpritOf(given, reporter, (id) => roster.find(id));
    const link = roster.get(worker);
    const error = failureFrom(link, cause);
    if (error instanceof LostWorker && this.#isSpare(worker, link.isOwn)) {
      departures.wentUnmissed(worker, error.message);
      link.kill();
      return roster.remove(worker);
    }
    // A worker that found no memory has ended, or is about to.
    if (error instanceof LostWorker || isMemoryShortage(error)) this.#lost.set(worker, error.message);
    if (this.#first !== null) return;
    this.#first = error;
    const waits = [...this.#waits];
    this.#waits.clear();
    for (const end of waits) end(error);
  }

  /** What was lost up to here has been dealt with, and must not fail what comes. */
  settle(): void {
    this.#lost.clear();
    this.#first = null;
  }

  /**
   * Whether nobody waits for a worker: it joined, and has no seat in the plan that is in force. While a plan is adopted
   * or the workers are regrouped, everybody is waited for.
   */
  #isSpare(worker: string, isOwn: boolean): boolean {
    const { plans } = this.#options;
    return !isOwn && plans.isSettled && !plans.seats(worker);
  }
}
