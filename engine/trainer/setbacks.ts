// Setbacks: what has gone wrong in a run so far, and whether it survives one thing more. How it goes on then is the
// trainer's business.
import { PipetrainError, type WorkerError } from '../core/errors.js';

/** What a run survives: workers that are gone, cut off or hang, and memory that somebody else used up for a while. */
const SURVIVABLE = ['PT_WORKER_LOST', 'PT_WORKER_STUCK', 'PT_WORKER_SILENT', 'PT_SHM_FULL'];
/** Shortages of memory that a run survives; where it does not fit at all, going on would only repeat them. */
const MAX_SHORTAGES = 3;
/** Recoveries in a row without a finished step between them, after which a run gives up. */
const MAX_FUTILE_RECOVERIES = 5;

export class Setbacks {
  #shortages = 0;
  #futile = 0;

  /** A lost worker, one that lost its neighbours, or a shortage, unless there were too many: the others can go on. */
  isSurvivable(error: unknown): error is WorkerError {
    if (!(error instanceof PipetrainError) || !SURVIVABLE.includes(error.code)) return false;
    return this.#futile < MAX_FUTILE_RECOVERIES && (error.code !== 'PT_SHM_FULL' || this.#shortages < MAX_SHORTAGES);
  }

  /** A recovery begins. */
  note(cause: WorkerError): void {
    this.#futile++;
    if (cause.code === 'PT_SHM_FULL') this.#shortages++;
  }

  /** A step is finished: recoveries lead somewhere. */
  stepDone(): void {
    this.#futile = 0;
  }
}
