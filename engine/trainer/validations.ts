// Validations: the metric on validation samples: on all of them, which is an event of the run, or on a part, for the
// guard. When it is due is not decided here.
import { durationInSteps } from '../core/duration.js';
import { NonFiniteError } from '../core/errors.js';
import type { Plan } from '../core/plan.js';
import { assembleValidation, type Validation } from '../protocol/validation.js';
import { bestBy } from '../run/best.js';
import type { RunScene } from './run-scene.js';

export class Validations {
  readonly #scene: RunScene;
  /** Steps between whole validations on the way. */
  readonly #interval: number;
  /** The last validation on all samples, and the steps done then. */
  #last: (Validation & { readonly step: number }) | null = null;

  constructor(scene: RunScene) {
    const { config, sampler } = scene.setup;
    this.#scene = scene;
    this.#interval = durationInSteps(config.evalEvery, sampler.stepsPerEpoch);
  }

  /** Whether there are samples, and the run as it stands was not validated. */
  get areBehind(): boolean {
    const { stand, setup } = this.#scene;
    return setup.dataset.numValidation > 0 && stand.progress.metric?.step !== stand.step;
  }

  /** Whether a run that nobody stops validates after so many steps. */
  get #isDue(): boolean {
    const { stand, setup } = this.#scene;
    return stand.step === setup.totalSteps || this.isAt(stand.step);
  }

  /** Whether a validation on the way belongs after `step` steps. */
  isAt(step: number): boolean {
    return step > 0 && step % this.#interval === 0;
  }

  /** Validates on all samples and tells it. */
  async whole(plan: Plan): Promise<void> {
    const { setup, host, stand } = this.#scene;
    const { step } = stand;
    const begin = performance.now();
    const validation = await this.#validate(plan, 1);
    const { loss, metric, metrics, samples } = validation;
    stand.progress.validated(metric);
    if (this.#isDue) this.#judge(loss, metric);
    this.#last = { ...validation, step };
    const seconds = (performance.now() - begin) / 1000;
    const epoch = step / setup.sampler.stepsPerEpoch;
    const metricName = setup.model.metric.name;
    const others = metrics.size > 1 ? { metrics: Object.fromEntries(metrics) } : {};
    host.emit({ type: 'evaluation', step, epoch, loss, metric, metricName, ...others, samples, seconds });
  }

  /**
   * Throws a NonFiniteError where the last validation on all samples had a loss that is no number: the last update is
   * followed by no step that would tell.
   */
  requireFinite(): void {
    const loss = this.#last?.loss ?? null;
    if (loss === null || Number.isFinite(loss)) return;
    throw new NonFiniteError(
      `the validation after step ${this.#scene.stand.step}: the loss is ${loss}. The weights are saved as they ` +
        'are',
      'Use a smaller --lr or --weight-decay, or --clip 1 or less; check the validation data for values that are ' +
        'not numbers.',
    );
  }

  /**
   * The metric on every `stride`-th micro-batch of the samples: that of the whole validation of this very step, if
   * there was one and all of them are wanted.
   */
  async part(plan: Plan, stride: number): Promise<Validation> {
    const last = this.#last;
    if (stride === 1 && !this.areBehind && last?.step === this.#scene.stand.step) return last;
    return this.#validate(plan, stride);
  }

  #judge(loss: number, metric: number): void {
    const { setup, stand } = this.#scene;
    const { keepBest } = setup.config;
    stand.progress.validatedWhenDue(keepBest === 'loss' ? loss : metric, bestBy(keepBest, setup.model.metric));
  }

  async #validate({ microBatch }: Plan, stride: number): Promise<Validation> {
    const { setup, coordinator } = this.#scene;
    const results = await coordinator.evaluate(stride);
    return assembleValidation(results, microBatch, setup);
  }
}
