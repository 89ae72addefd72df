// MemoryGone: the error of whoever finds that a folder of shared memory was taken away while it was in use.
import { WorkerError } from './errors.js';

/** `because` says what follows from it. */
export const memoryGone = (folder: string, because: string, cause?: unknown): WorkerError =>
  new WorkerError(
    'PT_MEMORY_GONE',
    `the folder ${folder} in shared memory was taken away while it was in use: ${because}`,
    'Keep cleaners away from it (systemd: RemoveIPC=no, tmpfiles.d), or name a folder with --memory-dir; ' +
      '`pipetrain resume` goes on from the last checkpoint.',
    cause === undefined ? undefined : { cause },
  );
