// FreezeGuard: watches the validation metric after a freeze, says when one has to be rolled back, and holds freezes
// back for a while afterwards. It remembers and judges; rolling back is carried out by the trainer
// (boundary-freezing.ts).
import { type GuardVerdict, judgeFreeze, type MetricPoint } from '../../freeze/guard.js';
import type { FreezePolicy } from '../../freeze/policy.js';
import { durationInSteps } from '../core/duration.js';
import type { RunSetup } from '../run/run-setup.js';
import type { FreezeProgress, GuardState } from './freezer-state.js';

/** Looks at the metric after which a freeze is accepted. */
const LOOKS = 2;
/** Looks that are remembered: two spans before the freeze are enough for any judgement. */
const MEMORY = 4 * LOOKS;
/**
 * Where nothing is said, a look costs about this share of the training between two looks (forward against forward and
 * twice that backward).
 */
const COST = 0.02;
const LEAST_SAMPLES = 128;
const EVERY = '0.5 epochs';

export type Watch = NonNullable<GuardState['watch']>;

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
  #state: GuardState = { looks: [], watch: null, heldUntil: 0, rollbacks: 0 };

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

  /** The freeze that is being watched, or null. */
  get watch(): Watch | null {
    return this.#state.watch;
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
   * Takes a look. Returns the verdict on the freeze that is watched, or null where none is. A freeze that passed its
   * last look is accepted.
   */
  look(now: MetricPoint, samples: number): GuardVerdict | null {
    const { watch, looks } = this.#state;
    this.#state = { ...this.#state, looks: [...looks, now].slice(-MEMORY) };
    if (watch === null || now.step <= watch.step) return null;
    const verdict = judgeFreeze({
      before: looks.filter(({ step }) => step <= watch.step),
      now,
      higherIsBetter: this.#setup.model.metric.higherIsBetter,
      tolerance: this.#setup.config.guardTolerance,
      samples,
    });
    if (!verdict.hurts)
      this.#state = { ...this.#state, watch: watch.looks + 1 < LOOKS ? { ...watch, looks: watch.looks + 1 } : null };
    return verdict;
  }

  /** Why no layer may freeze now, or null. */
  holds(stepsDone: number): string | null {
    const { watch, heldUntil, rollbacks } = this.#state;
    if (!this.isOn) return null;
    if (watch !== null) return `the guard still watches the freeze at step ${watch.step}`;
    if (stepsDone < this.trialSteps)
      return `all of the model trains until step ${this.trialSteps}, so that the guard can compare what follows`;
    return stepsDone < heldUntil
      ? `the guard holds freezes back until step ${heldUntil}, after ${rollbacks} rolled back`
      : null;
  }

  /** A freeze begins; `before` is what to go back to. */
  begin(step: number, before: FreezeProgress): void {
    if (this.isOn) this.#state = { ...this.#state, watch: { step, looks: 0, checkpoint: null, before } };
  }

  /** The checkpoint of the watched freeze has this name. */
  keep(checkpoint: string): void {
    const { watch } = this.#state;
    if (watch !== null) this.#state = { ...this.#state, watch: { ...watch, checkpoint } };
  }

  /**
   * The watched freeze is rolled back: forgets what came after it, and waits, twice as long every time. Returns until
   * which step.
   */
  rollBack({ step }: Watch): number {
    const { looks, rollbacks } = this.#state;
    const heldUntil = step + Math.min(Number.MAX_SAFE_INTEGER - step, this.#cooldown * 2 ** rollbacks);
    this.#state = {
      looks: looks.filter((look) => look.step <= step),
      watch: null,
      heldUntil,
      rollbacks: rollbacks + 1,
    };
    return heldUntil;
  }
}

/**
 * Steps between two looks, and the samples of one. On a small data set a look of its own costs too much or sees too
 * little: then, unless it was said when to look, the whole validations that there are anyway are the looks. All looks
 * of a run are on the same samples, since only then does a difference mean something.
 */
function looksOf({ config, sampler, dataset }: RunSetup): {
  readonly first: number;
  readonly interval: number;
  readonly samples: number;
} {
  const { guardEvery, guardSamples, evalEvery, batch } = config;
  const interval = durationInSteps(guardEvery ?? EVERY, sampler.stepsPerEpoch);
  const affordable = Math.round(COST * 3 * interval * batch);
  const validations = durationInSteps(evalEvery, sampler.stepsPerEpoch);
  if (
    guardEvery === undefined &&
    guardSamples === undefined &&
    affordable < LEAST_SAMPLES &&
    Number.isFinite(validations)
  )
    // No oftener than looks of their own would come: too soon after a freeze nothing shows.
    return { first: 1, interval: Math.ceil(interval / validations) * validations, samples: dataset.numValidation };
  return { first: 0, interval, samples: guardSamples ?? Math.max(LEAST_SAMPLES, affordable) };
}
