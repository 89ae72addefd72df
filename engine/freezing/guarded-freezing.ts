// GuardedFreezing: what freezing asks for between two steps: a look at the metric for the guard, a freeze, or the way
// back to before a freeze that hurt. It answers with intents and events; carrying them out (validating, saving,
// planning) is the trainer's business. Rolling back restores the checkpoint that was written at the freeze, so what
// follows equals, bit for bit, a run that never froze there: a wrong freeze costs time, never the result.
import { present } from '../core/invariant.js';
import type { RunEventBody } from '../events/events.js';
import type { Watch } from './freeze-guard.js';
import type { Freezer } from './freezer.js';

type EventOf<T extends RunEventBody['type']> = Extract<RunEventBody, { type: T }>;

/** The policy has decided. Where anything freezes, the workers need another plan. */
export interface FreezeIntent {
  readonly event: EventOf<'freeze.decided'>;
  /**
   * The freeze that the guard watches from now on, or null. Before anything else a checkpoint must be written to go
   * back to, while the optimizer states of the blocks that freeze are still there; then `kept`, or `withdrawn`.
   */
  readonly watch: Watch | null;
}

/** A freeze has hurt: the run goes back to the checkpoint after `step` steps, with what is frozen now. */
export interface GoBackIntent {
  readonly event: EventOf<'freeze.rolledBack'>;
  readonly step: number;
  /** Its name in the checkpoints folder. */
  readonly checkpoint: string;
  /** Why a new plan is needed, one clause. */
  readonly because: string;
}

/** The metric on the samples of a look. */
export interface Look {
  readonly step: number;
  readonly metric: number;
  /** The metric of equal parts of the samples. */
  readonly parts: readonly number[];
  readonly samples: number;
  readonly seconds: number;
}

/**
 * Before the first plan: what a policy freezes without having seen a gradient, or null. With a guard nothing freezes
 * here: the decision says until when it is held back.
 */
export function decisionAtStart(freezer: Freezer): EventOf<'freeze.decided'> | null {
  return freezer.isDue(0) ? freezer.decide(0) : null;
}

export class GuardedFreezing {
  readonly #freezer: Freezer;
  readonly #metricName: string;

  constructor(freezer: Freezer, metricName: string) {
    this.#freezer = freezer;
    this.#metricName = metricName;
  }

  /** Every how many micro-batches of the validation samples one is looked at. */
  get stride(): number {
    return this.#freezer.guard.stride;
  }

  /** Whether the guard is due a look when `step` steps are done. */
  wantsLook(step: number): boolean {
    return this.#freezer.guard.isDue(step) && !this.#freezer.isSettled;
  }

  /** Takes a look that was wanted or needed: the event that tells it, and the way back where the last freeze hurts. */
  look({ step, metric, parts, samples, seconds }: Look): {
    readonly event: EventOf<'guard.looked'>;
    readonly goBack: GoBackIntent | null;
  } {
    const judged = this.#freezer.guard.look({ step, metric, parts }, samples);
    const seen = { step, metric, metricName: this.#metricName, samples, seconds };
    if (judged === null) return { event: { type: 'guard.looked', ...seen, reason: '' }, goBack: null };
    const { watch } = judged;
    const { expected, allowed, hurts, reason } = judged.verdict;
    const event = { type: 'guard.looked', ...seen, watching: watch.step, expected, allowed, hurts, reason } as const;
    return { event, goBack: hurts ? this.#goBack(step, watch, { metric, expected, allowed, reason }) : null };
  }

  /** Whether a decision is due when `step` steps are done. */
  wantsDecision(step: number): boolean {
    return this.#freezer.isDue(step);
  }

  /** Takes the decision that is due. */
  decide(step: number): FreezeIntent {
    const event = this.#freezer.decide(step);
    const watch = this.#freezer.guard.watches.at(-1);
    return { event, watch: watch?.step === step ? watch : null };
  }

  /** The checkpoint of the freeze that is watched has this name. */
  kept(checkpoint: string): void {
    this.#freezer.guard.keep(checkpoint);
  }

  /** No checkpoint could be written to go back to: the layers stay. */
  withdrawn({ event, watch }: FreezeIntent): EventOf<'freeze.decided'> {
    const freezer = this.#freezer;
    freezer.rollBack(present(watch, 'watched freeze'));
    const held = 'the checkpoint to go back to could not be written';
    return { ...event, toLayers: freezer.layers, toBlocks: freezer.blocks, held };
  }

  #goBack(
    step: number,
    watch: Watch,
    judged: Pick<EventOf<'freeze.rolledBack'>, 'metric' | 'expected' | 'allowed' | 'reason'>,
  ): GoBackIntent {
    const freezer = this.#freezer;
    const fromLayers = freezer.layers;
    const heldUntil = freezer.rollBack(watch);
    return {
      event: {
        type: 'freeze.rolledBack',
        step,
        toStep: watch.step,
        fromLayers,
        toLayers: freezer.layers,
        toBlocks: freezer.blocks,
        heldUntil,
        ...judged,
      },
      step: watch.step,
      checkpoint: present(watch.checkpoint, 'checkpoint of the freeze'),
      because:
        `the freeze of ${fromLayers} ${fromLayers === 1 ? 'layer' : 'layers'} at step ${watch.step} ` +
        'is rolled back',
    };
  }
}
