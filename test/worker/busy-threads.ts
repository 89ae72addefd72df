// The threads of the system that Node lets copy files, kept busy for as long as a test wants: each waits for somebody
// to write into a pipe.
import { execFileSync } from 'node:child_process';
import { closeSync, constants, openSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { scratch } from '../scratch.js';

/** As many as Node has, unless told otherwise. */
const NUM_THREADS = Number(process.env.UV_THREADPOOL_SIZE ?? 4);

/** Resolves when every thread waits; call what it resolves to, to let them go. */
export async function busySystemThreads(): Promise<() => void> {
  const folder = scratch();
  const pipes = Array.from({ length: NUM_THREADS }, (_, i) => join(folder, `pipe${i}`));
  execFileSync('mkfifo', pipes);
  const readers = pipes.map((pipe) => open(pipe, 'r'));
  await new Promise((resolve) => setTimeout(resolve, 50));
  return () => {
    const writers = pipes.map((pipe) => openSync(pipe, constants.O_WRONLY));
    void Promise.all(readers.map(async (reader) => (await reader).close())).then(() => {
      for (const writer of writers) closeSync(writer);
    });
  };
}
