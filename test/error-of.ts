// The error that something ends with, where it must end with one that is for people.
import { PipetrainError } from '../engine/core/errors.js';

function forPeople(error: unknown): PipetrainError {
  if (error instanceof PipetrainError) return error;
  throw error;
}

/** What `action` throws; fails where it throws nothing, or an error that is not for people. */
export function errorOf(action: () => unknown): PipetrainError {
  try {
    action();
  } catch (error) {
    return forPeople(error);
  }
  throw new Error('nothing was thrown');
}

/** As `errorOf`, of a promise that is rejected. */
export async function rejectionOf(work: Promise<unknown>): Promise<PipetrainError> {
  try {
    await work;
  } catch (error) {
    return forPeople(error);
  }
  throw new Error('nothing was thrown');
}
