// RunPhase: how far the run is that a coordinator serves, and who is told what happens in it. A run starts while its
// model and data are still being read: workers load their code meanwhile, but nobody may join, and there is nobody yet
// to tell. It ends once.
import { WorkerError } from '../core/errors.js';
import type { RunFacts } from '../protocol/expected-report.js';
import type { Report } from '../protocol/messages.js';
import type { ServedRun } from './coordinator-options.js';

type Reading = { readonly isRead: false } | { readonly isRead: true; readonly run: ServedRun };

export class RunPhase {
  #reading: Reading = { isRead: false };
  #isEnding = false;

  /** Nothing that fails from now on is a failure of the run. */
  get isEnding(): boolean {
    return this.#isEnding;
  }

  /** The run that is served. Throws a WorkerError (PT_RUN_STARTS) where it is still being read. */
  get run(): ServedRun {
    if (!this.#reading.isRead)
      throw new WorkerError('PT_RUN_STARTS', 'the run is still starting', 'Try again in a moment.');
    return this.#reading.run;
  }

  /** By which reports are checked; null while the run is still being read. */
  get facts(): RunFacts | null {
    return this.#reading.isRead ? this.#reading.run.facts() : null;
  }

  /** Throws a WorkerError (PT_RUN_ENDS) where the run is about to end. */
  requireGoingOn(): void {
    if (this.#isEnding) throw new WorkerError('PT_RUN_ENDS', 'the run is about to end', 'Join another one.');
  }

  serve(run: ServedRun): void {
    this.#reading = { isRead: true, run };
  }

  end(): void {
    this.#isEnding = true;
  }

  /** A worker reported something. */
  reported(report: Report, worker: string): void {
    if (this.#reading.isRead) this.#reading.run.onReport(report, worker);
  }

  /** A connection was not let in, or was cut. */
  dropped(peer: string, reason: string): void {
    if (this.#reading.isRead) this.#reading.run.onDropped(peer, reason);
  }
}
