// LostWork: the errors after which the work in hand is lost but the worker is not: a neighbour is gone, perhaps with
// the memory that was to be copied from (PT_SHM_FILE), or the coordinator said so (PT_ABORTED).
import { PipetrainError } from '../core/errors.js';
import { Unreachable } from './neighbours.js';

const CODES = ['PT_ABORTED', 'PT_PEER_LOST', 'PT_UNREACHABLE', 'PT_PEER_CLOSED', 'PT_SHM_FILE'];

export const isWorkLost = (error: unknown): error is PipetrainError =>
  error instanceof PipetrainError && CODES.includes(error.code);

/** Whether the coordinator knows, because it gave the work up itself. */
export const isAbort = ({ code }: PipetrainError): boolean => code === 'PT_ABORTED';

/** The worker that no connection could be made to, where that is what was lost; else null. */
export const lostNeighbour = (error: PipetrainError): string | null =>
  error instanceof Unreachable ? error.worker : null;
