// GuardedFreezing: what happens between two steps because of freezing: a look at the metric for the guard, a decision,
// a new plan, or the way back to before a freeze that hurt. Rolling back restores the checkpoint that was written at
// the freeze, so what follows equals, bit for bit, a run that never froze there: a wrong freeze costs time, never the
// result.
import { present } from '../core/invariant.js';
import type { RunEventBody } from '../events/events.js';
import type { Validation } from '../protocol/validation.js';
import type { RunSetup } from '../run/run-setup.js';
import type { Freezer } from './freezer.js';

/** What the trainer does for it. */
export interface FreezingHost {
  readonly stepsDone: number;
  emit(event: RunEventBody): void;
  /**
   * The metric on every `stride`-th micro-batch of the validation samples, which is known already where all of them
   * were just validated.
   */
  validate(stride: number): Promise<Pick<Validation, 'metric' | 'samples'>>;
  /** Writes a checkpoint of now; its name, or null where that failed. */
  save(): Promise<string | null>;
  /** Makes and adopts the plan for what is frozen now. */
  replan(because: string): Promise<void>;
  /** Goes back to a checkpoint, the one after `step` steps, with what is frozen now. */
  goBack(step: number, checkpoint: string, because: string): Promise<void>;
}

export class GuardedFreezing {
  readonly #setup: RunSetup;
  readonly #freezer: Freezer;
  readonly #host: FreezingHost;

  constructor(setup: RunSetup, freezer: Freezer, host: FreezingHost) {
    this.#setup = setup;
    this.#freezer = freezer;
    this.#host = host;
  }

  /**
   * Lets the guard look where a look is due. True: the last freeze is rolled back, and the run stands where it was
   * before it.
   */
  async look(): Promise<boolean> {
    const { guard } = this.#freezer;
    const step = this.#host.stepsDone;
    if (!guard.isDue(step) || this.#freezer.isSettled) return false;
    return this.#lookNow(step);
  }

  /**
   * Before the first plan: what a policy freezes without having seen a gradient. Nobody looks at the metric, which
   * would have nothing to be compared with.
   */
  begin(): void {
    if (this.#freezer.isDue(0)) this.#host.emit(this.#freezer.decide(0));
  }

  /** Asks the policy where a decision is due, and acts on it. */
  async decide(): Promise<void> {
    const freezer = this.#freezer;
    const step = this.#host.stepsDone;
    if (!freezer.isDue(step)) return;
    // What comes later is compared with the metric at the freeze.
    if (freezer.wantsMore(step) && !freezer.guard.hasLooked(step)) await this.#lookNow(step);
    const event = freezer.decide(step);
    const { watch } = freezer.guard;
    if (watch?.step === step) {
      // Written while the optimizer states of the blocks that freeze now are still there.
      const checkpoint = await this.#host.save();
      if (checkpoint === null) {
        freezer.rollBack(watch);
        return this.#host.emit({
          ...event,
          toLayers: freezer.layers,
          toBlocks: freezer.blocks,
          held: 'the checkpoint to go back to could not be written',
        });
      }
      freezer.guard.keep(checkpoint);
    }
    this.#host.emit(event);
    if (event.toLayers === event.fromLayers) return;
    await this.#host.replan(`${event.toLayers} layers are frozen`);
  }

  async #lookNow(step: number): Promise<boolean> {
    const freezer = this.#freezer;
    const { guard } = freezer;
    const begin = performance.now();
    const { metric, samples } = await this.#host.validate(guard.stride);
    const { watch } = guard;
    const verdict = guard.look({ step, metric }, samples);
    const seconds = (performance.now() - begin) / 1000;
    const judged =
      verdict === null || watch === null
        ? {}
        : { watching: watch.step, expected: verdict.expected, allowed: verdict.allowed, hurts: verdict.hurts };
    this.#host.emit({
      type: 'guard.looked',
      step,
      metric,
      metricName: this.#setup.model.metric.name,
      samples,
      seconds,
      ...judged,
      reason: verdict?.reason ?? '',
    });
    if (verdict === null || watch === null || !verdict.hurts) return false;
    const fromLayers = freezer.layers;
    const heldUntil = freezer.rollBack(watch);
    this.#host.emit({
      type: 'freeze.rolledBack',
      step,
      toStep: watch.step,
      fromLayers,
      toLayers: freezer.layers,
      toBlocks: freezer.blocks,
      heldUntil,
      metric,
      expected: verdict.expected,
      allowed: verdict.allowed,
      reason: verdict.reason,
    });
    await this.#host.goBack(
      watch.step,
      present(watch.checkpoint, 'checkpoint of the freeze'),
      `the freeze of ${fromLayers} layers at step ${watch.step} is rolled back`,
    );
    return true;
  }
}
