// Recovery: how a run goes on after a failure that it survives: the step is given up everywhere, those that are left
// get a plan, the last snapshot is restored, and the steps since then are done again. What is survivable, and how
// often, is in setbacks.ts.
import { isMemoryShortage } from '../core/conditions.js';
import type { WorkerError } from '../core/errors.js';
import { present } from '../core/invariant.js';
import { joinedEvent } from './membership.js';
import type { PlanAdoption } from './plan-adoption.js';
import type { RunScene } from './run-scene.js';
import { Setbacks } from './setbacks.js';

interface Regrouped {
  readonly lost: string[];
  /** In place of those. */
  readonly started: string[];
  readonly workers: string[];
}

export class Recovery {
  readonly #scene: RunScene;
  readonly #adoption: PlanAdoption;
  readonly #setbacks = new Setbacks();
  #numRestarts = 0;

  constructor(scene: RunScene, adoption: PlanAdoption) {
    this.#scene = scene;
    this.#adoption = adoption;
  }

  /** Whether the run can go on after this error. Without a snapshot there is nothing to go on from. */
  isPossible(error: unknown): error is WorkerError {
    return this.#scene.stand.snapshots.last !== null && this.#setbacks.isSurvivable(error);
  }

  /** A step is finished: recoveries lead somewhere. */
  stepDone(): void {
    this.#setbacks.stepDone();
  }

  /** Goes on after an error that `isPossible` allows. Throws the cause where nobody is left. */
  async recover(given: WorkerError): Promise<void> {
    // Another loss during a recovery: start over from the same snapshot.
    for (let cause: WorkerError | null = given; cause !== null;) cause = await this.#attempt(cause);
  }

  /** One attempt; the survivable error that it met, or null. */
  async #attempt(cause: WorkerError): Promise<WorkerError | null> {
    const { host, stand } = this.#scene;
    const begin = performance.now();
    const failedAt = stand.step;
    stand.snapshots.abandon();
    const snapshot = present(stand.snapshots.last, 'snapshot');
    const { lost, started, workers } = await this.#regroup(cause);
    stand.rewind(snapshot);
    const request = { ...stand.request('workers were lost'), restore: snapshot.restore };
    try {
      await this.#adoption.forFewer(workers, request);
    } catch (error) {
      if (!this.isPossible(error)) throw error;
      return error;
    }
    host.emit({
      type: 'recovered',
      step: failedAt,
      fromStep: snapshot.steps,
      lost,
      started,
      workers: workers.length,
      seconds: (performance.now() - begin) / 1000,
    });
    return null;
  }

  /** Lets everybody give up what they do, starts replacements, and tells who is gone and who is new. */
  async #regroup(cause: WorkerError): Promise<Regrouped> {
    const { setup, host, coordinator } = this.#scene;
    const { maxRestarts } = setup.config;
    const { lost, joined, numStarted } = await coordinator.regroup(maxRestarts - this.#numRestarts);
    this.#setbacks.note(cause, lost);
    this.#numRestarts += numStarted;
    for (const { worker, reason } of lost) host.emit({ type: 'worker.lost', worker, reason });
    if (lost.length === 0 || isMemoryShortage(cause)) host.emit({ type: 'warning', message: cause.message });
    for (const member of joined) host.emit(joinedEvent(member));
    const { workers } = coordinator;
    if (workers.length === 0) throw cause;
    if (workers.length < setup.workers.length)
      host.emit({
        type: 'warning',
        message:
          `${workers.length} of ${setup.workers.length} workers are left and ${this.#numRestarts} of at most ` +
          `${maxRestarts} were replaced; the run goes on with those (--max-restarts)`,
      });
    const started = joined.map(({ worker }) => worker);
    return { lost: lost.map(({ worker }) => worker), started, workers };
  }
}
