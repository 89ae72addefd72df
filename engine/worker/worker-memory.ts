// WorkerMemory: where a worker keeps its tensors: the shared memory of the run where it sees that, else that of its own
// host. What it finds decides how tensors travel between it and the others.
import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync } from 'node:fs';
import type { TrainConfig } from '../core/config.js';
import { messageOf, UsageError, WorkerError } from '../core/errors.js';
import { aloneFolder } from '../dp/memory-names.js';
import { findMemoryFolder, requireMemoryFolder } from '../memory/shared-folder.js';
import type { OwnMeans, RunMeans } from '../protocol/invitation.js';

export interface WorkerMemory {
  readonly folder: string;
  /**
   * Workers of the same domain map each other's memory; it is told by random text, not by a path, which may mean
   * another folder elsewhere.
   */
  readonly domain: string;
  /** Whether it is the memory of the run, in which snapshots lie and from which checkpoints are written. */
  readonly isHome: boolean;
  /** Whether it is a folder within that of the run or of a host, for this worker alone; default: no. */
  readonly isAlone?: boolean;
  /**
   * Where the checkpoints of the run lie that state is restored from; absent where the coordinator is asked for it, as
   * by everybody who joined.
   */
  readonly checkpoints?: string | null;
}

type Transport = Pick<TrainConfig, 'transport'>;

/**
 * For a worker that the coordinator started, which told it the folder. Throws a WorkerError (PT_MEMORY_GONE) where that
 * is not there, or not the one that is meant.
 */
export function memoryOfOwn({ transport }: Transport, worker: string, run: RunMeans): WorkerMemory {
  const { path, probe } = run.memory;
  const folder = requireMemoryFolder(path, probe);
  if (transport === 'socket') return alone(folder, worker);
  return { folder, domain: probe, isHome: true, checkpoints: run.checkpoints };
}

/**
 * For a worker that joined: the memory of the run, told by `probe`, where this process finds it and it is this user's,
 * else that of its own host. Throws a UsageError (PT_JOIN_MEMORY) where the run wants shared memory and there is none.
 */
export function memoryOfJoined(
  probe: string,
  { transport }: Transport,
  worker: string,
  own: OwnMeans | null,
): WorkerMemory {
  const shared = findMemoryFolder(probe);
  if (transport !== 'socket' && shared !== null) return { folder: shared, domain: probe, isHome: true };
  if (transport === 'shared' || own === null)
    throw new UsageError(
      'PT_JOIN_MEMORY',
      'this worker does not see the shared memory of the run: it is on another host, in another container, ' +
        'or of another user',
      'Join from the host of the run, as the same user, without --memory-dir at the run; or start the run ' +
        'with --transport auto.',
    );
  const folder = requireMemoryFolder(own.memory.path, own.memory.probe);
  if (transport === 'auto') return { folder, domain: own.memory.probe, isHome: false };
  return alone(folder, worker);
}

/** Nobody shall share memory with this worker, not even those beside it. */
function alone(base: string, worker: string): WorkerMemory {
  const folder = aloneFolder(base, worker);
  makeAlone(folder, worker);
  return { folder, domain: randomBytes(16).toString('hex'), isHome: false, isAlone: true };
}

/** The folder around it was taken away and made anew. Throws a WorkerError (PT_SHM_FILE) where that is not so. */
export function remakeFolder({ folder, isAlone = false }: WorkerMemory, worker: string): void {
  if (isAlone && !existsSync(folder)) makeAlone(folder, worker);
}

function makeAlone(folder: string, worker: string): void {
  try {
    mkdirSync(folder, { mode: 0o700 });
  } catch (error) {
    throw new WorkerError(
      'PT_SHM_FILE',
      `the memory folder ${folder} of worker ${worker} cannot be made: ${messageOf(error)}`,
      'Check that nobody removes or fills the memory folder; `pipetrain doctor` names it.',
      { cause: error },
    );
  }
}
