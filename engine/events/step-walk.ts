// StepWalk: follows the steps of a run in the order of the events. Each one follows on the last, and only a recovery, a
// resume or a roll-back of the guard goes back. Steps whose events are lost are a gap that an event tells of. It does
// not look at samples, plans or workers.
import { fail } from './check.js';
import type { RunEvent } from './events.js';
import { LossList } from './loss-list.js';
import type { EventOf } from './summary.js';

type Step = EventOf<'step'>;

/** Steps that a gap may have: a recording may come from elsewhere, and say anything. */
const MAX_GAP = 2 ** 24;

export class StepWalk {
  /** The steps that count. */
  numDone = 0;
  /** What each step gave when it was done last. */
  readonly losses = new LossList();
  /**
   * Steps done again, recoveries and resumes, and steps of which no event tells; roll-backs of freezes and the steps
   * that they undid, which are done anew.
   */
  readonly counts = { again: 0, recoveries: 0, resumes: 0, lost: 0, rollbacks: 0, undone: 0 };
  readonly #isExact: boolean;
  #highest = -1;
  #hasStarted = false;
  #mayResume = false;
  /** Events before this one are lost, and nobody knows which: until the run starts again less is certain. */
  #isBlind = false;

  /** `isExact`: steps that are done again must give the loss they gave before. */
  constructor(isExact: boolean) {
    this.#isExact = isExact;
  }

  /** Fails where the steps do not add up. */
  take(event: RunEvent): void {
    switch (event.type) {
      case 'run.started':
        this.#mayResume = this.#hasStarted;
        this.#hasStarted = true;
        this.#isBlind = false;
        this.#highest = -1;
        break;
      case 'resumed':
        if (!this.#mayResume && !this.#isBlind)
          fail(`the run is resumed after ${event.step} steps, but it had not begun before`);
        this.#mayResume = false;
        this.#goBack(event.step, 'the resumed run');
        this.counts.resumes++;
        break;
      case 'freeze.rolledBack':
        this.#goBack(event.toStep, `the roll-back at step ${event.step}`);
        this.counts.rollbacks++;
        this.counts.undone += event.step - event.toStep;
        // What follows is done without the freeze, and so with other losses.
        this.losses.cut(event.toStep);
        break;
      case 'recovered':
        this.#goBack(event.fromStep, `the recovery at step ${event.step}`);
        this.counts.recoveries++;
        break;
      case 'step':
        this.#step(event);
        break;
      case 'events.lost':
        this.#lose(event);
        break;
      case 'events.damaged':
        this.#isBlind = true;
        break;
      case 'run.finished':
        this.#finish(event);
        break;
      default:
    }
  }

  /** Fails where there was no run. */
  end(): void {
    if (!this.#hasStarted) fail('the run never started');
  }

  #goBack(to: number, what: string): void {
    if (this.#isBlind) return this.#jump(to);
    if (to > this.numDone) fail(`${what} goes on after ${to} steps, but only ${this.numDone} were done`);
    this.numDone = to;
  }

  #step(event: Step): void {
    const { step, loss } = event;
    if (!this.#hasStarted) fail(`step ${step} comes before the run has started`);
    if (this.#isBlind) this.#jump(step);
    const next = this.numDone;
    if (this.#mayResume && next > 0) fail(`the run starts again at step ${step} without a checkpoint to go on from`);
    if (step > next) fail(`step ${next} is missing: step ${step} follows on step ${next - 1}`);
    if (step < next) fail(`step ${step} comes twice, without a recovery in between`);
    if (Math.fround(loss) !== loss) fail(`step ${step} has the loss ${loss}, which is no 32-bit number`);
    this.#checkReplay(event);
    this.losses.set(step, loss);
    this.#highest = Math.max(this.#highest, step);
    this.numDone = step + 1;
  }

  #checkReplay({ step, loss, replay = false }: Step): void {
    const isReplay = step <= this.#highest;
    if (replay !== isReplay && !this.#isBlind)
      fail(
        `step ${step} is ` +
          (isReplay ? 'done again, but not marked as such' : 'marked as done again, but was not done before'),
      );
    const earlier = this.losses.at(step);
    if (earlier === null) return;
    this.counts.again++;
    if (this.#isExact && earlier !== loss)
      fail(`step ${step} was done again with loss ${loss}; it was ${earlier} before`);
  }

  #lose({ fromStep, toStep, digest }: EventOf<'events.lost'>): void {
    if (this.#isBlind && fromStep !== this.numDone) this.#jump(fromStep);
    if (fromStep !== this.numDone || toStep <= fromStep || digest.bytes !== 4 * toStep)
      fail(
        `the events of steps ${fromStep} to ${toStep - 1} are said to be lost, but ${this.numDone} steps were done ` +
          'before',
      );
    this.#leaveOut(toStep, digest);
  }

  /** Goes to where the run stands after events of which nothing is known. */
  #jump(step: number): void {
    if (step > this.numDone) this.#leaveOut(step, null);
    this.numDone = step;
  }

  #leaveOut(to: number, digest: EventOf<'events.lost'>['digest'] | null): void {
    if (to - this.numDone > MAX_GAP) fail(`the events of steps ${this.numDone} to ${to - 1} are missing`);
    this.losses.leaveOut(this.numDone, to, digest);
    this.counts.lost += to - this.numDone;
    this.numDone = to;
  }

  #finish({ steps }: EventOf<'run.finished'>): void {
    if (this.#isBlind && steps > this.numDone) this.#jump(steps);
    if (steps !== this.numDone)
      fail(
        `the run ended after ${steps} steps, the events have ${this.numDone}: step ${Math.min(steps, this.numDone)} ` +
          'is the first in doubt',
      );
  }
}
