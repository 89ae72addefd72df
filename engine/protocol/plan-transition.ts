// PlanTransition: where the change from one plan to the next stands. A pure table, used by the coordinator about all
// workers and by every worker about itself. It moves no state and knows no plan but its generation; docs/states.md
// draws it.
import { WorkerError } from '../core/errors.js';
import { present } from '../core/invariant.js';

/**
 * settled: one plan is in force; preparing: memory is made and state fetched for the next, all of the old still exists;
 * activating: neighbours are connected and old memory goes; abandoned: neither plan holds, and the next one must
 * restore state.
 */
export const TRANSITION_STATES = ['settled', 'preparing', 'activating', 'abandoned'] as const;
export type TransitionState = (typeof TRANSITION_STATES)[number];
export type TransitionCause = 'prepare' | 'prepared' | 'active' | 'abandon';

export const PLAN_TRANSITIONS: Readonly<
  Record<TransitionState, Readonly<Partial<Record<TransitionCause, TransitionState>>>>
> = {
  settled: { prepare: 'preparing', abandon: 'abandoned' },
  preparing: { prepared: 'activating', abandon: 'abandoned' },
  activating: { active: 'settled', abandon: 'abandoned' },
  abandoned: { prepare: 'preparing', abandon: 'abandoned' },
};

export class PlanTransition {
  readonly #who: string;
  /** Before the first plan there is none to hold on to. */
  #state: TransitionState = 'abandoned';
  #generation = -1;

  constructor(who: string) {
    this.#who = who;
  }

  get state(): TransitionState {
    return this.#state;
  }

  /** Generation of the plan in force, or of the one that is being adopted; -1 before the first. */
  get generation(): number {
    return this.#generation;
  }

  /**
   * A new plan. Throws a WorkerError: PT_STALE_PLAN where its generation is not above every one before, PT_PROTOCOL
   * where another is under way.
   */
  prepare(generation: number): void {
    if (generation <= this.#generation)
      throw new WorkerError(
        'PT_STALE_PLAN',
        `${this.#who} is at generation ${this.#generation} and was given plan ${generation}`,
        'Report this.',
      );
    this.#move('prepare');
    this.#generation = generation;
  }

  /** First half done. */
  prepared(): void {
    this.#move('prepared');
  }

  /** Second half done: the plan is in force. */
  active(): void {
    this.#move('active');
  }

  /** Whatever was being done is given up. */
  abandon(): void {
    this.#move('abandon');
  }

  /**
   * Throws a WorkerError (PT_STALE_PLAN) where `generation` is not the one at hand, PT_PROTOCOL where the transition is
   * not in one of `states`.
   */
  require(generation: number, ...states: readonly TransitionState[]): void {
    if (generation !== this.#generation)
      throw new WorkerError(
        'PT_STALE_PLAN',
        `${this.#who} is at generation ${this.#generation} and was ordered to work for ${generation}`,
        'Report this.',
      );
    if (!states.includes(this.#state))
      throw new WorkerError(
        'PT_PROTOCOL',
        `${this.#who} is ${this.#state} with generation ${generation}; only where it is ` +
          `${states.join(' or ')} can it do that`,
        'Report this.',
      );
  }

  /** The plan, which must be the one in force. */
  inForce<P extends { readonly generation: number }>(plan: P | null): P {
    this.require(plan?.generation ?? -1, 'settled');
    return present(plan, 'plan');
  }

  #move(cause: TransitionCause): void {
    const next = PLAN_TRANSITIONS[this.#state][cause];
    if (next === undefined)
      throw new WorkerError(
        'PT_PROTOCOL',
        `"${cause}" has no place where ${this.#who} is ${this.#state}, generation ${this.#generation}`,
        'Report this.',
      );
    this.#state = next;
  }
}
