// StepWalk: follows the steps of a run in the order of the events. Each one follows on the last, and only a recovery, a
// resume or a roll-back of the guard goes back. It does not look at samples, plans or workers.
import { fail } from './check.js';
import type { RunEvent } from './events.js';
import type { EventOf } from './summary.js';

type Step = EventOf<'step'>;

export class StepWalk {
  /** The steps that count, by number. */
  readonly steps: Step[] = [];
  /** All steps, those that were undone included. */
  readonly attempts: Step[] = [];
  /** Steps done again, recoveries and resumes. */
  readonly counts = { again: 0, recoveries: 0, resumes: 0 };
  readonly #isExact: boolean;
  /** What each step was when it was done last. */
  readonly #before = new Map<number, Step>();
  #highest = -1;
  #hasStarted = false;
  #mayResume = false;

  /** `isExact`: steps that are done again must give the loss they gave before. Fails where the steps do not add up. */
  constructor(events: readonly RunEvent[], isExact: boolean) {
    this.#isExact = isExact;
    for (const event of events) this.#take(event);
    if (!this.#hasStarted) fail('the run never started');
  }

  #take(event: RunEvent): void {
    switch (event.type) {
      case 'run.started':
        this.#mayResume = this.#hasStarted;
        this.#hasStarted = true;
        this.#highest = -1;
        break;
      case 'resumed':
        if (!this.#mayResume) fail(`the run is resumed after ${event.step} steps, but it had not begun before`);
        this.#mayResume = false;
        this.#goBack(event.step, 'the resumed run');
        this.counts.resumes++;
        break;
      case 'freeze.rolledBack':
        this.#goBack(event.toStep, `the roll-back at step ${event.step}`);
        // What follows is done without the freeze, and so with other losses.
        for (const step of [...this.#before.keys()]) if (step >= event.toStep) this.#before.delete(step);
        break;
      case 'recovered':
        this.#goBack(event.fromStep, `the recovery at step ${event.step}`);
        this.counts.recoveries++;
        break;
      case 'step':
        this.#step(event);
        break;
      case 'run.finished':
        this.#finish(event);
        break;
      default:
    }
  }

  #goBack(to: number, what: string): void {
    const numDone = this.steps.length;
    if (to > numDone) fail(`${what} goes on after ${to} steps, but only ${numDone} were done`);
    this.steps.length = to;
  }

  #step(event: Step): void {
    const { step } = event;
    const next = this.steps.length;
    if (!this.#hasStarted) fail(`step ${step} comes before the run has started`);
    if (this.#mayResume && next > 0) fail(`the run starts again at step ${step} without a checkpoint to go on from`);
    if (step > next) fail(`step ${next} is missing: step ${step} follows on step ${next - 1}`);
    if (step < next) fail(`step ${step} comes twice, without a recovery in between`);
    this.#checkReplay(event);
    this.#before.set(step, event);
    this.#highest = Math.max(this.#highest, step);
    this.steps.push(event);
    this.attempts.push(event);
  }

  #checkReplay({ step, loss, replay = false }: Step): void {
    const isReplay = step <= this.#highest;
    if (replay !== isReplay)
      fail(
        `step ${step} is ` +
          (isReplay ? 'done again, but not marked as such' : 'marked as done again, but was not done before'),
      );
    const earlier = this.#before.get(step);
    if (earlier === undefined) return;
    this.counts.again++;
    if (this.#isExact && earlier.loss !== loss)
      fail(`step ${step} was done again with loss ${loss}; it was ${earlier.loss} before`);
  }

  #finish({ steps }: EventOf<'run.finished'>): void {
    const numDone = this.steps.length;
    if (steps !== numDone)
      fail(
        `the run ended after ${steps} steps, the events have ${numDone}: step ${Math.min(steps, numDone)} is the ` +
          'first in doubt',
      );
  }
}
