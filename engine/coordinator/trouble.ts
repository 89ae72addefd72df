// Trouble: the first failure since the last recovery, which ends all waiting, and the workers that were lost since
// then. It judges every failure that a worker reports or causes; how the run goes on is the trainer's business, and who
// replaces the lost that of regroup.ts.
import { isMemoryShortage } from '../core/conditions.js';
import type { PlanInForce } from '../protocol/plan-in-force.js';
import { Accusations } from './accusations.js';
import type { Departures } from './departures.js';
import { failureFrom, LostWorker, StuckWorker } from './lost-worker.js';
import type { Roster } from './roster.js';
import type { RunPhase } from './run-phase.js';
import type { WorkerLink } from './worker-link.js';

export interface TroubleOptions {
  readonly roster: Roster;
  readonly departures: Departures;
  readonly plans: PlanInForce;
  readonly phase: RunPhase;
  /** Told of a worker that is lost for what it did. */
  readonly onFault: (link: WorkerLink) => void;
}

export class Trouble {
  readonly #options: TroubleOptions;
  readonly #lost = new Map<string, string>();
  readonly #accusations = new Accusations();
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
    const guilty = this.#guilty(given, roster.get(reporter));
    const link = guilty ?? roster.get(reporter);
    const worker = link.id;
    const error = guilty === null ? failureFrom(link, given) : faultOf(guilty, given);
    if (error instanceof LostWorker) this.#accusations.explained();
    if (error instanceof LostWorker && error.isFault) this.#options.onFault(link);
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
   * The worker that has to go because of a complaint, or null. One that the loss of another explains counts not; and
   * whoever nobody waits for has nobody to complain about.
   */
  #guilty(given: Error, reporter: WorkerLink): WorkerLink | null {
    if (!(given instanceof StuckWorker)) return null;
    if (this.#isSpare(reporter.id, reporter.isOwn)) return reporter;
    if (this.#lost.size > 0) return null;
    const { roster } = this.#options;
    const about = given.about === null ? undefined : roster.find(given.about.worker);
    const suspect = this.#accusations.judge(given, reporter, about);
    return suspect === null ? null : roster.get(suspect.id);
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

const faultOf = ({ id }: WorkerLink, { message }: Error): LostWorker =>
  new LostWorker(
    id,
    `worker ${id} has to go: ${message}`,
    'Every worker must reach the ports of all others, and be reached by them: check the network and firewalls.',
    true,
  );
