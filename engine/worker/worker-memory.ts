// WorkerMemory: where a worker keeps its tensors: the shared memory of the run where it sees that, else that of its own
// host. What it finds decides how tensors travel between it and the others.
import { randomBytes } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { UsageError } from '../core/errors.js';
import { aloneFolder } from '../dp/memory-names.js';
import { findMemoryFolder } from '../memory/memory-folder.js';
import type { OwnMeans } from '../protocol/invitation.js';
import type { Order } from '../protocol/messages.js';

export interface WorkerMemory {
  readonly folder: string;
  /**
   * Workers of the same domain map each other's memory; it is told by random text, not by a path, which may mean
   * another folder elsewhere.
   */
  readonly domain: string;
  /** Whether it is the memory of the run, in which snapshots lie and from which checkpoints are written. */
  readonly isHome: boolean;
}

/**
 * `own` are the means of a worker that joined. Throws a UsageError (PT_JOIN_MEMORY) where the run wants shared memory
 * and there is none.
 */
export function memoryOf(
  { probe, config }: Extract<Order, { type: 'setup' }>,
  worker: string,
  own: OwnMeans | null,
): WorkerMemory {
  const shared = findMemoryFolder(probe, own === null ? config.memoryDir : undefined);
  if (config.transport !== 'socket' && shared !== null) return { folder: shared, domain: probe, isHome: true };
  const base = own?.memory.path ?? shared;
  if (config.transport === 'shared' || base === null)
    throw new UsageError(
      'PT_JOIN_MEMORY',
      'this worker does not see the shared memory of the run: it is on another host, in another container, ' +
        'or of another user',
      'Join from the host of the run, as the same user, without --memory-dir at the run; or start the run ' +
        'with --transport auto.',
    );
  if (config.transport === 'auto' && own !== null) return { folder: base, domain: own.memory.probe, isHome: false };
  // Nobody shall share memory with this worker, not even those beside it.
  const folder = aloneFolder(base, worker);
  mkdirSync(folder, { mode: 0o700 });
  return { folder, domain: randomBytes(16).toString('hex'), isHome: false };
}
