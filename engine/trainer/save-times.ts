// SaveTimes: when a checkpoint on the way is due: after so many steps, or, where nobody says, after a while that is
// long beside what writing one takes. Checkpoints change no bit of a run, so that a clock may decide.
import { durationInSteps } from '../core/duration.js';

/** A killed run loses about so much. */
const LEAST_MS = 60_000;
/** The time between two is at least so many times what writing one takes. */
const TIMES_WRITING = 50;

export class SaveTimes {
  /** Steps between two; null where the clock decides. */
  readonly #interval: number | null;
  #lastMs: number;
  #isDue = false;

  /** `every` is a time span of training, `never` or `auto`; `now` is by `performance.now()`, as below. */
  constructor(every: string, stepsPerEpoch: number, now = performance.now()) {
    this.#interval = every === 'auto' ? null : durationInSteps(every, stepsPerEpoch);
    this.#lastMs = now;
  }

  /** Whether one is due after `step` steps, where the last one took `writeMs`. What is due stays so until done. */
  isDue(step: number, writeMs: number, now = performance.now()): boolean {
    if (step === 0) return false;
    if (this.#interval !== null) return step % this.#interval === 0;
    this.#isDue ||= now - this.#lastMs >= Math.max(LEAST_MS, TIMES_WRITING * writeMs);
    return this.#isDue;
  }

  /** One was begun. */
  begun(now = performance.now()): void {
    this.#isDue = false;
    this.#lastMs = now;
  }
}
