// Grower: how much of the model is there. It averages losses, asks the policy when a decision is due, and keeps the
// count. The policy decides; what follows from a decision (plans, copies of blocks) is not its business.
import { present } from '../core/invariant.js';
import type { RunEventBody } from '../events/events.js';
import type { GrowDecision } from '../growth/policy.js';
import type { GrowthSize, RunGrowth } from '../run/run-growth.js';
import type { RunSetup } from '../run/run-setup.js';
import { type GrowerState, NOT_GROWN } from './grower-state.js';

type Decided = Extract<RunEventBody, { type: 'grow.decided' }>;

export class Grower {
  readonly #growth: RunGrowth | null;
  readonly #numBlocks: number;
  readonly #totalSteps: number;
  #state = NOT_GROWN;

  constructor({ growth, model, totalSteps }: Pick<RunSetup, 'growth' | 'model' | 'totalSteps'>) {
    this.#growth = growth;
    this.#numBlocks = model.blocks.length;
    this.#totalSteps = totalSteps;
  }

  /** Whether all of the model is there: nothing will grow any more. */
  get isWhole(): boolean {
    return this.#growth === null || this.#rung === this.#growth.sizes.length - 1;
  }

  /** Blocks of the model that are not there. */
  get absent(): readonly number[] {
    return this.#growth === null ? [] : this.#size.absent;
  }

  /** The size that follows, where one does. */
  get next(): GrowthSize | null {
    return this.#growth?.sizes[this.#rung + 1] ?? null;
  }

  /** Whether new blocks start as the identity. */
  get keepsFunction(): boolean {
    return this.#growth?.way.keepsFunction === true;
  }

  /** Takes the loss of a step. */
  observe(loss: number, stepsDone: number): void {
    if (this.#growth === null || this.isWhole) return;
    const { losses, sum, steps } = this.#state;
    const [nextSum, nextSteps] = [sum + loss, steps + 1];
    this.#state =
      stepsDone % this.#growth.interval === 0
        ? { ...this.#state, losses: [...losses, nextSum / nextSteps], sum: 0, steps: 0 }
        : { ...this.#state, sum: nextSum, steps: nextSteps };
  }

  /** Whether a decision is due when `stepsDone` steps are done, and was not taken yet. */
  isDue(stepsDone: number): boolean {
    if (this.#growth === null || this.isWhole || this.#state.decidedAt >= stepsDone) return false;
    return this.#growth.policy.everyStep
      ? this.#ask(this.#growth, stepsDone).layers !== this.#size.layers
      : stepsDone % this.#growth.interval === 0;
  }

  /** Asks the policy where `isDue`, and takes its decision. */
  decide(stepsDone: number): Decided {
    const growth = present(this.#growth, 'growth');
    const { layers: fromLayers } = this.#size;
    const { losses } = this.#state;
    const { layers, reason } = this.#ask(growth, stepsDone);
    this.#state = { ...this.#state, decidedAt: stepsDone };
    // A schedule may name a size behind the next one where the run went on from elsewhere: one growth at a time.
    const grown = layers > fromLayers ? this.next : null;
    if (grown !== null)
      this.#state = { ...NOT_GROWN, grownAt: [...this.#state.grownAt, stepsDone], decidedAt: stepsDone };
    return {
      type: 'grow.decided',
      step: stepsDone,
      policy: growth.policy.name,
      way: growth.way.name,
      fromLayers,
      toLayers: this.#size.layers,
      born: (grown?.births ?? []).map((birth) => ({ ...birth })),
      losses: growth.policy.everyStep ? [] : [...losses],
      reason,
    };
  }

  /** The size now. */
  get #size(): GrowthSize {
    return present(this.#growth?.sizes[this.#rung], 'size');
  }

  /**
   * Updates that the optimizer states of each block will have seen when `updateCount` steps are done; undefined where
   * that is all of them for all. States that were copied have seen what their origin's have.
   */
  counts(updateCount: number): number[] | undefined {
    const { grownAt } = this.#state;
    if (this.#growth === null || !this.keepsFunction || grownAt.length === 0) return undefined;
    const counts = new Array<number>(this.#numBlocks).fill(updateCount);
    for (const [i, { born }] of this.#growth.sizes.slice(1).entries())
      for (const { block } of born) counts[block] = Math.max(1, updateCount - (grownAt[i] ?? 0));
    return counts;
  }

  /** What a snapshot or a checkpoint needs to go on as if never stopped. */
  save(): GrowerState {
    return this.#state;
  }

  /** Goes back to a saved state. */
  restore(state: GrowerState): void {
    this.#state = state;
  }

  get #rung(): number {
    return this.#state.grownAt.length;
  }

  #ask({ policy, sizes, interval }: RunGrowth, step: number): GrowDecision {
    return policy.decide({
      step,
      totalSteps: this.#totalSteps,
      sizes: sizes.map(({ layers }) => layers),
      layers: this.#size.layers,
      interval,
      losses: this.#state.losses,
    });
  }
}
