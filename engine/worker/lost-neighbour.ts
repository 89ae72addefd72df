// LostNeighbour: the error of work that is lost because of another worker: it cannot be reached, its connection or its
// memory is gone, or it broke the rules. It says who, and whether that one is at fault beyond doubt; what becomes of
// either is the coordinator's business.
import { PipetrainError, WorkerError } from '../core/errors.js';

export class LostNeighbour extends WorkerError {
  readonly worker: string;
  /** Whether this side saw more than an end: it could not get there at all, or was told what nobody may tell. */
  readonly isFault: boolean;

  constructor(
    code: 'PT_UNREACHABLE' | 'PT_PEER_LOST',
    about: { readonly worker: string; readonly isFault: boolean },
    message: string,
    hint: string,
    options?: ErrorOptions,
  ) {
    super(code, message, hint, options);
    this.worker = about.worker;
    this.isFault = about.isFault;
  }
}

/** No connection could be made (PT_UNREACHABLE). */
export const unreachable = (from: string, worker: string, cause: PipetrainError): LostNeighbour =>
  new LostNeighbour(
    'PT_UNREACHABLE',
    { worker, isFault: true },
    `worker ${from} cannot connect to worker ${worker}: ${cause.message}`,
    'Every worker must reach the ports of all others: check firewalls, and the address of --listen of ' +
      'those that join.',
    { cause },
  );

/** A connection that there was is gone (PT_PEER_LOST). */
export const peerLost = (from: string, worker: string, reason: string, isFault = false): LostNeighbour =>
  new LostNeighbour(
    'PT_PEER_LOST',
    { worker, isFault },
    `worker ${from} lost its connection to worker ${worker}: ${reason}`,
    'See what happened to that worker.',
  );

/** Maps memory of another worker; where that is not there, it is that worker which is lost (PT_PEER_LOST). */
export function mapping<T>(from: string, worker: string, map: () => T): T {
  try {
    return map();
  } catch (error) {
    if (!(error instanceof PipetrainError) || error.code !== 'PT_SHM_FILE' || from === worker) throw error;
    throw new LostNeighbour(
      'PT_PEER_LOST',
      { worker, isFault: false },
      `worker ${from} cannot use the memory of worker ${worker}: ${error.message}`,
      'See what happened to that worker.',
      { cause: error },
    );
  }
}
