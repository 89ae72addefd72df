// WorkerNews: what a worker process that joins a run tells the command that started it, one JSON line each on its
// standard output.
import type { ErrorRecord } from '../core/errors.js';
import type { Seat } from '../core/plan.js';

export type WorkerNews =
  | { readonly type: 'joined'; readonly worker: string }
  /** A plan was adopted; `seat` is null where this worker is a spare in it. */
  | { readonly type: 'seat'; readonly generation: number; readonly seat: Seat | null }
  | { readonly type: 'ended'; readonly reason: 'stopped' | 'left' }
  | { readonly type: 'ended'; readonly reason: 'failed'; readonly error: ErrorRecord };
