// LostWork: what a worker asks of an error after which the work in hand is lost but the worker is not (`isWorkLost` of
// conditions.ts): whether the coordinator knows, and which neighbour it was.
import { isAborted } from '../core/conditions.js';
import type { PipetrainError } from '../core/errors.js';
import { Unreachable } from './neighbours.js';

/** Whether the coordinator knows, because it gave the work up itself. */
export const isAbort = (error: PipetrainError): boolean => isAborted(error);

/** The worker that no connection could be made to, where that is what was lost; else null. */
export const lostNeighbour = (error: PipetrainError): string | null =>
  error instanceof Unreachable ? error.worker : null;
