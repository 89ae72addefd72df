// ObeyedPlan: which plan a worker obeys, and how the next one takes its place: prepared while the one before stays
// whole (others may still copy from its memory), then in force, and the one before put away when there is time. What a
// plan needs to be prepared is not its business.
import { present } from '../core/invariant.js';
import { PlanTransition } from '../protocol/plan-transition.js';
import type { Posting, PreparedPosting } from './posting.js';
import type { Seating } from './seating.js';

export class ObeyedPlan {
  readonly #transition: PlanTransition;
  /** The plan in force, or the last that was; null before the first. */
  #posting: Posting | null = null;
  /** The plan that is to come, from when it is prepared until it is in force. */
  #next: PreparedPosting | null = null;
  /** The seating of the plan before, until it is put away. */
  #former: Seating | null = null;

  /** `who` names the worker in errors. */
  constructor(who: string) {
    this.#transition = new PlanTransition(who);
  }

  /**
   * A new plan comes. Throws a WorkerError: PT_STALE_PLAN where its generation is not above every one before,
   * PT_PROTOCOL where another is under way.
   */
  begin(generation: number): void {
    this.#transition.prepare(generation);
  }

  /** First half done: all that the plan needs of this worker is there. */
  prepared(posting: PreparedPosting): void {
    this.#next = posting;
    this.#transition.prepared();
  }

  /** The plan that is prepared. Throws a WorkerError (PT_PROTOCOL) where it is not of that generation. */
  toActivate(generation: number): PreparedPosting {
    this.#transition.require(generation, 'activating');
    return present(this.#next, 'prepared plan');
  }

  /** Second half done: the plan that was prepared is in force, with its seating activated. */
  activated(seating: Seating | null): void {
    this.#former = this.#posting?.seating ?? null;
    this.#posting = { ...present(this.#next, 'prepared plan'), seating };
    this.#next = null;
    this.#transition.active();
  }

  /** The plan in force. Throws a WorkerError (PT_PROTOCOL) where it is not of that generation. */
  at(generation: number): Posting {
    this.#transition.require(generation, 'settled');
    return present(this.#posting, 'plan');
  }

  /** Puts the seating of the plan before away. */
  leaveFormer(): void {
    this.#former?.close();
    this.#former = null;
  }

  /** No plan is in force until the next one: what was prepared comes to nothing, what was in force stays till then. */
  abandon(): void {
    this.#transition.abandon();
    this.#next?.seating?.close();
    this.#next = null;
  }

  close(): void {
    this.leaveFormer();
    this.#next?.seating?.close();
    this.#posting?.seating?.close();
  }
}
