// LostWorker, StuckWorker: failures by the worker they are about. Pure; who is to blame is judged by accusations.ts,
// and what the run does about them is the business of trouble.ts and of the trainer.
import { isWorkerStuck } from '../core/conditions.js';
import { WorkerError } from '../core/errors.js';
import type { ReportOf } from '../protocol/messages.js';

/** News of a worker that is gone. The run may survive it; anything else that fails does not come as this. */
export class LostWorker extends WorkerError {
  readonly worker: string;
  /** Whether it was cut off for what it did, and not merely lost: then whoever it is does not come back. */
  readonly isFault: boolean;

  constructor(worker: string, message: string, hint: string, isFault = false) {
    super('PT_WORKER_LOST', message, hint);
    this.worker = worker;
    this.isFault = isFault;
  }
}

/** A worker that gave up because of another one (PT_WORKER_STUCK). */
export class StuckWorker extends WorkerError {
  /** The worker because of which it did, and whether it says that that one is at fault (see `stuck`); or null. */
  readonly about: ReportOf<'stuck'>['about'];

  constructor(worker: string, message: string, about: ReportOf<'stuck'>['about']) {
    super(
      'PT_WORKER_STUCK',
      `worker ${worker} cannot go on: ${message}`,
      'See the events of the run for what came before.',
    );
    this.about = about;
  }
}

/** What has to be known of a worker to judge its failures. */
export interface Suspect {
  readonly id: string;
  readonly isOwn: boolean;
}

/**
 * What a failure means for the run: whatever goes wrong on a host of somebody else, it can go on without that worker.
 */
export function failureFrom({ id, isOwn }: Suspect, cause: Error): Error {
  if (isOwn || cause instanceof LostWorker || isWorkerStuck(cause)) return cause;
  return new LostWorker(id, `worker ${id} failed: ${cause.message}`, 'See what it says itself.');
}
