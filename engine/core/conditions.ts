// Conditions: what the program itself reacts to among the errors that people see. A condition is told by the code of an
// error, which survives the trip between processes where its class does not (errors.ts, ErrorRecord). What follows from
// one is the business of whoever asks.
import { PipetrainError } from './errors.js';

/** Whether anything that was caught is of this condition, here or in the process that it was reported from. */
export type Condition = (error: unknown) => error is PipetrainError;

function condition(...codes: readonly string[]): Condition {
  return (error): error is PipetrainError => error instanceof PipetrainError && codes.includes(error.code);
}

function anyOf(...conditions: readonly Condition[]): Condition {
  return (error): error is PipetrainError => conditions.some((is) => is(error));
}

/** Shared memory has no room for what was wanted: a shortage, which may pass. */
export const isMemoryShortage = condition('PT_SHM_FULL');

/** A device has no memory left for what a program needs. */
export const isDeviceShortage = condition('PT_DEVICE_MEMORY');

/** A file of shared memory cannot be made or opened; perhaps the folder was taken away. */
export const isMemoryFileError = condition('PT_SHM_FILE');

/** No shape that was asked for fits into the memory limit of a worker. */
export const isOverMemoryLimit = condition('PT_MEMORY_LIMIT');

/** A worker is gone or cut off. The coordinator's own class of this is LostWorker. */
export const isWorkerLost = condition('PT_WORKER_LOST');

/** A worker gave up because of another one. */
export const isWorkerStuck = condition('PT_WORKER_STUCK');

/** A worker did not do in time what it was asked for. */
export const isWorkerSilent = condition('PT_WORKER_SILENT');

/** What a run can go on after: workers that are gone, cut off or hang, and memory that somebody else used up. */
export const isRecoverable = anyOf(isWorkerLost, isWorkerStuck, isWorkerSilent, isMemoryShortage);

/** The coordinator said to give up the work in hand. */
export const isAborted = condition('PT_ABORTED');

/** A connection that there was is gone, or was cut. */
export const isPeerGone = condition('PT_PEER_LOST', 'PT_PEER_CLOSED');

/**
 * The work in hand is lost but the worker that does it is not: it was told so, or a neighbour is gone, perhaps with the
 * memory that was to be copied from.
 */
export const isWorkLost = anyOf(isAborted, isPeerGone, condition('PT_UNREACHABLE', 'PT_SHM_FILE'));

/** A worker that joined has ended for a reason that may be over when it tries again. */
export const isPassing = anyOf(isAborted, isPeerGone, condition('PT_INTERRUPTED', 'PT_DIAL'));
