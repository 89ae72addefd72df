// FreezeGuard: watches the validation metric after a freeze, says when one has to be rolled back, and holds freezes
// back for a while afterwards. It remembers and judges; rolling back is carried out by the trainer
// (boundary-freezing.ts).
import { GUARD_LOOKS, type GuardVerdict, judgeFreeze, type MetricPoint } from '../../freeze/guard.js';
import type { FreezePolicy } from '../../freeze/policy.js';
import { durationInSteps } from '../core/duration.js';
import type { RunSetup } from '../run/run-setup.js';
import type { FreezeProgress, GuardState } from './freezer-state.js';

/** Looks that are remembered: two spans before the freeze are enough for any judgement. */
const MEMORY = 4 * GUARD_LOOKS;
/**
 * Where nothing is said, a look costs about this share of the training between two looks (forward against forward and
 * twice that backward).
 */
const COST = 0.02;
const LEAST_SAMPLES = 128;
const EVERY = '0.5 epochs';
/** In a run that is short of epochs, the share of it between two looks. */
const SHARE = 0.1;

export type Watch = GuardState['watches'][number];

/** What a look says of the freezes that are watched. */
export interface Judged {
  readonly watch: Watch;
  readonly verdict: GuardVerdict;
}

export class FreezeGuard {
  readonly isOn: boolean;
  readonly #setup: RunSetup;
  readonly #interval: number;
  /** No look is taken before so many steps are done. */
  readonly #first: number;
  /** About how many validation samples a look has. */
  readonly #samples: number;
  readonly #cooldown: number;
  /** Whether the policy would freeze before the first step. */
  readonly #isAtStart: boolean;
  #state: GuardState = { looks: [], watches: [], heldUntil: 0, rollbacks: 0 };

  constructor(setup: RunSetup, policy: FreezePolicy) {
    const { config, sampler, dataset } = setup;
    this.#setup = setup;
    const { first, interval, samples } = looksOf(setup);
    this.#first = first;
    this.#interval = interval;
    this.#samples = samples;
    this.#cooldown = durationInSteps(config.guardCooldown, sampler.stepsPerEpoch);
    this.#isAtStart = policy.atStart === true;
    this.isOn = dataset.numValidation > 0 && (config.guard === 'on' || (config.guard === 'auto' && policy.isGuarded));
  }

  /** The freezes that are being watched, oldest first. */
  get watches(): readonly Watch[] {
    return this.#state.watches;
  }

  /**
   * Steps that a policy which would freeze before the first one has to wait, 0 where none is held back: there is no
   * metric before it that means anything (a fresh head knows nothing), so all of the model trains for the time between
   * two looks. One at its end, and where looks are cheap one in the middle, show how it learns, and the freeze is then
   * judged as any other.
   */
  get trialSteps(): number {
    return this.isOn && this.#isAtStart ? this.#interval : 0;
  }

  /** Every how many micro-batches of the validation samples one is looked at. */
  get stride(): number {
    const { dataset, microBatch } = this.#setup;
    return Math.max(
      1,
      Math.floor(Math.ceil(dataset.numValidation / microBatch) / Math.ceil(this.#samples / microBatch)),
    );
  }

  save(): GuardState {
    return this.#state;
  }

  restore(state: GuardState): void {
    this.#state = state;
  }

  /** Whether the metric has to be looked at when `stepsDone` steps are done. */
  isDue(stepsDone: number): boolean {
    if (!this.isOn || this.hasLooked(stepsDone)) return false;
    const { trialSteps } = this;
    // A look before the first step would show how fast a fresh head begins to learn, which nothing can keep up.
    // Where whole validations are the looks, one of its own would cost more than it can see.
    if (stepsDone < trialSteps) return this.#first === 0 && stepsDone === Math.ceil(trialSteps / 2);
    return stepsDone >= this.#first && stepsDone % this.#interval === 0;
  }

  hasLooked(stepsDone: number): boolean {
    return this.#state.looks.at(-1)?.step === stepsDone;
  }

  /**
   * Takes a look. Returns the verdict on the oldest freeze that hurts, or else on the oldest that is watched; null
   * where none is. Freezes that passed their last look are accepted.
   */
  look(now: MetricPoint, samples: number): Judged | null {
    const { watches, looks } = this.#state;
    this.#state = { ...this.#state, looks: [...looks, now].slice(-MEMORY) };
    const judged = watches
      .filter(({ step }) => step < now.step)
      .map((watch) => ({ watch, verdict: this.#judge(watch, looks, now, samples) }));
    const harm = judged.find(({ verdict }) => verdict.hurts);
    if (harm !== undefined) return harm;
    const seen = watches.map((one) => (one.step < now.step ? { ...one, looks: one.looks + 1 } : one));
    this.#state = { ...this.#state, watches: seen.filter((one) => one.looks < GUARD_LOOKS) };
    return judged[0] ?? null;
  }

  /** Why no layer may freeze now, or null. */
  holds(stepsDone: number): string | null {
    const { heldUntil, rollbacks } = this.#state;
    if (!this.isOn) return null;
    if (stepsDone < this.trialSteps)
      return `all of the model trains until step ${this.trialSteps}, so that the guard can compare what follows`;
    return stepsDone < heldUntil
      ? `the guard holds freezes back until step ${heldUntil}, after ${rollbacks} rolled back`
      : null;
  }

  /**
   * A freeze begins; `before` is what to go back to. Where no look came since the last one, nobody could tell the two
   * apart: they are watched as one, and the checkpoint of the first serves both.
   */
  begin(step: number, before: FreezeProgress): void {
    if (!this.isOn) return;
    const { watches, looks } = this.#state;
    const last = watches.at(-1);
    if (last !== undefined && last.looks === 0 && !looks.some((look) => look.step > last.step)) return;
    this.#state = { ...this.#state, watches: [...watches, { step, looks: 0, checkpoint: null, before }] };
  }

  /** The checkpoint of the last freeze that is watched has this name. */
  keep(checkpoint: string): void {
    const { watches } = this.#state;
    const last = watches.at(-1);
    if (last !== undefined)
      this.#state = { ...this.#state, watches: [...watches.slice(0, -1), { ...last, checkpoint }] };
  }

  /**
   * A watched freeze is rolled back: forgets what came after it, later freezes too, and waits, twice as long every
   * time. Returns until which step.
   */
  rollBack({ step }: Watch): number {
    const { looks, watches, rollbacks } = this.#state;
    const heldUntil = step + Math.min(Number.MAX_SAFE_INTEGER - step, this.#cooldown * 2 ** rollbacks);
    this.#state = {
      looks: looks.filter((look) => look.step <= step),
      watches: watches.filter((one) => one.step < step),
      heldUntil,
      rollbacks: rollbacks + 1,
    };
    return heldUntil;
  }

  #judge(watch: Watch, looks: readonly MetricPoint[], now: MetricPoint, samples: number): GuardVerdict {
    const { model, config } = this.#setup;
    const before = looks.filter(({ step }) => step <= watch.step);
    return judgeFreeze({
      // Where nothing was seen before the freeze, what was first seen after it must at least hold.
      before: before.length > 0 ? before : looks.slice(0, 1),
      now,
      look: watch.looks + 1,
      higherIsBetter: model.metric.higherIsBetter,
      tolerance: config.guardTolerance,
      samples,
    });
  }
}

/**
 * Steps between two looks, and the samples of one. The whole validations that there are anyway cost nothing and see
 * most; unless it was said when to look, or there are too few of them, they are the looks, no oftener than looks of
 * their own would come: too soon after a freeze nothing shows. All looks of a run are on the same samples, since only
 * then does a difference mean something.
 */
function looksOf({ config, sampler, dataset, totalSteps }: RunSetup): {
  readonly first: number;
  readonly interval: number;
  readonly samples: number;
} {
  const { guardEvery, guardSamples, evalEvery, batch } = config;
  const { stepsPerEpoch } = sampler;
  const interval =
    guardEvery === undefined
      ? Math.max(1, Math.min(durationInSteps(EVERY, stepsPerEpoch), Math.round(SHARE * totalSteps)))
      : durationInSteps(guardEvery, stepsPerEpoch);
  const validations = durationInSteps(evalEvery, stepsPerEpoch);
  if (guardEvery === undefined && guardSamples === undefined && validations <= stepsPerEpoch)
    return { first: 1, interval: Math.ceil(interval / validations) * validations, samples: dataset.numValidation };
  const affordable = Math.round(COST * 3 * interval * batch);
  return { first: 0, interval, samples: guardSamples ?? Math.max(LEAST_SAMPLES, affordable) };
}
