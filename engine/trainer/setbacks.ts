// Setbacks: what has gone wrong in a run so far, and whether it survives one thing more. How it goes on then is the
// recovery's business.
import type { LostMember } from '../coordinator/member.js';
import { isMemoryShortage, isRecoverable } from '../core/conditions.js';
import type { WorkerError } from '../core/errors.js';

/** Shortages of memory that a run survives; where it does not fit at all, going on would only repeat them. */
const MAX_SHORTAGES = 3;
/** Recoveries in a row without a finished step between them, after which a run gives up. */
const MAX_FUTILE_RECOVERIES = 5;

export class Setbacks {
  #shortages = 0;
  #futile = 0;

  /** A lost worker, one that lost its neighbours, or a shortage, unless there were too many: the others can go on. */
  isSurvivable(error: unknown): error is WorkerError {
    if (!isRecoverable(error) || this.#futile >= MAX_FUTILE_RECOVERIES) return false;
    return !isMemoryShortage(error) || this.#shortages < MAX_SHORTAGES;
  }

  /**
   * A recovery begins. One that cost the run none of its own workers, but guests alone, is no sign that the run itself
   * cannot go on: guests that were cut off do not come back, so there are only so many of those.
   */
  note(cause: WorkerError, lost: readonly Pick<LostMember, 'isOwn'>[]): void {
    if (lost.length === 0 || lost.some(({ isOwn }) => isOwn)) this.#futile++;
    if (isMemoryShortage(cause)) this.#shortages++;
  }

  /** A step is finished: recoveries lead somewhere. */
  stepDone(): void {
    this.#futile = 0;
  }
}
