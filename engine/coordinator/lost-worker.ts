// LostWorker, StuckWorker: failures by the worker they are about, and who is to blame for one. Pure; what the run does
// about them is the business of trouble.ts and of the trainer.
import { isWorkerStuck } from '../core/conditions.js';
import { WorkerError } from '../core/errors.js';

/** News of a worker that is gone. The run may survive it; anything else that fails does not come as this. */
export class LostWorker extends WorkerError {
  readonly worker: string;

  constructor(worker: string, message: string, hint: string) {
    super('PT_WORKER_LOST', message, hint);
    this.worker = worker;
  }
}

/** A worker that gave up because of another one (PT_WORKER_STUCK). */
export class StuckWorker extends WorkerError {
  /** A worker that it could not connect to, or null. */
  readonly about: string | null;

  constructor(worker: string, message: string, about: string | null) {
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

/**
 * Who is to blame for a failure. Where two workers cannot connect, it is the one that joined: the network and the ports
 * of its host are its user's business, and without it the run can go on, while the same two would only fail again.
 */
export function culpritOf(
  cause: Error,
  reporter: string,
  find: (worker: string) => Suspect | undefined,
): { readonly cause: Error; readonly worker: string } {
  const about = cause instanceof StuckWorker && cause.about !== null ? find(cause.about) : undefined;
  const guest = [about, about === undefined ? undefined : find(reporter)].find((suspect) => suspect?.isOwn === false);
  return guest === undefined
    ? { cause, worker: reporter }
    : {
        cause: new LostWorker(guest.id, cause.message, 'Every worker must reach the ports of all others.'),
        worker: guest.id,
      };
}
