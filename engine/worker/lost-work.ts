// LostWork: what a worker asks of an error after which the work in hand is lost but the worker is not (`isWorkLost` of
// conditions.ts): whether the coordinator knows, and which neighbour it was.
import { isAborted } from '../core/conditions.js';
import type { PipetrainError } from '../core/errors.js';
import type { ReportOf } from '../protocol/messages.js';
import { LostNeighbour } from './lost-neighbour.js';

/** Whether the coordinator knows, because it gave the work up itself. */
export const isAbort = (error: PipetrainError): boolean => isAborted(error);

/** The worker that was lost, where it was one; else null. */
export const lostNeighbour = (error: PipetrainError): ReportOf<'stuck'>['about'] =>
  error instanceof LostNeighbour ? { worker: error.worker, isFault: error.isFault } : null;
