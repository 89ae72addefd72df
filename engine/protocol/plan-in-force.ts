// PlanInForce: the plan that holds for all workers of a run, and the change to the next one. The coordinator moves it
// on (states.md); whoever gives orders or keeps state asks it. It makes no plan and orders nobody.
import { type Plan, seatOf } from '../core/plan.js';
import { PlanTransition } from './plan-transition.js';

export class PlanInForce {
  readonly #transition = new PlanTransition('the coordinator');
  /** Null before the first. */
  #newest: Plan | null = null;
  #adopted: Plan | null = null;

  /** Whether all workers have adopted a plan, and nobody is on the way to another or has been given up. */
  get isSettled(): boolean {
    return this.#transition.state === 'settled';
  }

  /** Throws a WorkerError (PT_STALE_PLAN, PT_PROTOCOL) where no plan is in force. */
  get current(): Plan {
    return this.#transition.inForce(this.#adopted);
  }

  /** The plan that was ordered last, whatever became of it; null before the first. */
  get newest(): Plan | null {
    return this.#newest;
  }

  /** Whether a worker has a seat in the plan that was adopted last; nobody has one before the first. */
  seats(worker: string): boolean {
    return this.#adopted !== null && seatOf(this.#adopted, worker) !== null;
  }

  /** A plan is about to be ordered. Throws as `PlanTransition.prepare`. */
  prepare(plan: Plan): void {
    this.#transition.prepare(plan.generation);
    this.#newest = plan;
  }

  /** All workers have memory and state for it. */
  prepared(): void {
    this.#transition.prepared();
  }

  /** All workers have adopted it. */
  active(): void {
    this.#transition.active();
    this.#adopted = this.#newest;
  }

  /** The work in hand is given up: no plan holds until the next one is adopted. */
  abandon(): void {
    this.#transition.abandon();
  }
}
