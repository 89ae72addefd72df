// Asking a run how it stands: at its address, or through its folder, where the events tell what nobody answers any
// more. It changes nothing.
import { existsSync } from 'node:fs';
import { hostname } from 'node:os';
import { z } from 'zod';
import { checkpointsIn } from '../checkpoint/run-checkpoint.js';
import { dial, dialLocally, type DialOptions } from '../comm/dial.js';
import { isOwnSocket } from '../comm/local-socket.js';
import type { Peer } from '../comm/peer.js';
import { isFingerprint, type Trust } from '../comm/tls.js';
import { PipetrainError, WorkerError } from '../core/errors.js';
import { EventFile } from '../events/event-file.js';
import type { RunFolder } from '../run/run-folder.js';
import { type RunStatus, statusMessageSchema, type WorkerStatus } from './run-status.js';
import { StatusBoard } from './status-board.js';

const ANSWER_TIMEOUT_MS = 10_000;

/** What a run leaves in its folder while it goes on, for those who may read the file. */
export const doorplateSchema = z.object({
  pid: z.number().int().positive(),
  host: z.string(),
  url: z.string(),
  /** The folder it hangs in: a copy of it elsewhere is not that of a run that goes on. */
  folder: z.object({ device: z.string(), inode: z.string() }),
  /** The socket of the file system that leads past the port; null where none does. */
  local: z.string().nullable(),
  token: z.string(),
  fingerprint: z.string().refine(isFingerprint).nullable(),
});
export type Doorplate = z.infer<typeof doorplateSchema>;

/**
 * Asks the coordinator at an address. Throws what `dial` throws, and a WorkerError (PT_STATUS) where the answer cannot
 * be had or read.
 */
export async function askCoordinator(url: string, token: string, trust?: Trust): Promise<RunStatus> {
  return ask(await dial(url, { ...visitorWith(token), trust }), url);
}

/** Who asks has this to say, and no more. */
const visitorWith = (token: string): Omit<DialOptions, 'trust'> => ({
  token,
  hello: { name: 'status', role: 'status' },
  timeoutMs: ANSWER_TIMEOUT_MS,
});

async function ask(peer: Peer, url: string): Promise<RunStatus> {
  try {
    return await answerOf(peer, url);
  } finally {
    peer.close('it has its answer');
  }
}

function answerOf(peer: Peer, url: string): Promise<RunStatus> {
  return new Promise((resolve, reject) => {
    const fail = (reason: string): void =>
      reject(
        new WorkerError(
          'PT_STATUS',
          `${url} gave no status: ${reason}`,
          'Check that the address is the one of a run, and that both sides have the same version.',
        ),
      );
    const timer = setTimeout(() => fail(`no answer within ${ANSWER_TIMEOUT_MS / 1000} s`), ANSWER_TIMEOUT_MS);
    peer.onClose((reason) => {
      clearTimeout(timer);
      fail(reason);
    });
    peer.onMessage((message) => {
      clearTimeout(timer);
      const answer = statusMessageSchema.safeParse(message);
      if (answer.success) resolve(answer.data.status);
      else fail(`its answer cannot be read (${answer.error.issues[0]?.message ?? ''})`);
    });
  });
}

/** Asks the process of a run where it lives, else its events. Throws a DataError where these cannot be read. */
export async function statusOfFolder(folder: RunFolder): Promise<RunStatus> {
  const plate = readDoorplate(folder);
  const isElsewhere = plate !== null && plate.host !== hostname();
  let silence: string | null = null;
  if (plate !== null && (isElsewhere || isAlive(plate.pid)))
    try {
      return await askByDoorplate(plate, isElsewhere);
    } catch (error) {
      if (!(error instanceof PipetrainError)) throw error;
      silence = error.message;
    }
  return statusOfEvents(folder, plate, silence);
}

/** A path on the plate is followed on the host it is of only, to a socket of this user and nothing else. */
async function askByDoorplate(plate: Doorplate, isElsewhere: boolean): Promise<RunStatus> {
  const { url, local, token, fingerprint } = plate;
  if (!isElsewhere && local !== null && isOwnSocket(local))
    return ask(await dialLocally(local, visitorWith(token)), local);
  return askCoordinator(url, token, fingerprint === null ? undefined : { fingerprint });
}

/** How a run stands by its events alone. `silence` is why its process does not answer, or null where there is none. */
function statusOfEvents(folder: RunFolder, plate: Doorplate | null, silence: string | null): RunStatus {
  const board = new StatusBoard();
  for (const event of new EventFile(folder.eventsPath)) board.note(event);
  const asRecorded = board.status(null);
  const status = { ...asRecorded, workers: asRecorded.workers.map(gone) };
  if (status.state === 'interrupted') return { ...status, note: resumeWith(folder) };
  if (board.isOver) return status;
  if (silence !== null && plate !== null)
    return {
      ...asRecorded,
      state: 'silent',
      note: `the process ${plate.pid} on ${plate.host} does not answer: ${silence}`,
    };
  if (plate === null && !board.hasStarted)
    return { ...status, state: 'starting', note: 'nothing has been computed yet' };
  const isSaved = existsSync(folder.checkpointsPath) && checkpointsIn(folder.checkpointsPath).length > 0;
  return {
    ...status,
    state: 'killed',
    note: isSaved
      ? resumeWith(folder)
      : 'it had no checkpoint yet: start it again (--checkpoint-every saves on the way)',
  };
}

const resumeWith = (folder: RunFolder): string => `resume with: pipetrain resume ${folder.path}`;

/** A worker as it is once nobody leads it any more. */
const gone = (worker: WorkerStatus): WorkerStatus => (worker.state === 'lost' ? worker : { ...worker, state: 'gone' });

/** The plate of this folder; null where there is none, and where it came with a copy of another folder. */
function readDoorplate(folder: RunFolder): Doorplate | null {
  try {
    const plate = doorplateSchema.parse(JSON.parse(folder.readDoorplate() ?? 'null'));
    const { device, inode } = folder.identity();
    // Hosts that share a file system call it by different numbers.
    const isHere = plate.folder.device === device || plate.host !== hostname();
    return plate.folder.inode === inode && isHere ? plate : null;
  } catch {
    // Half a file, or one that somebody changed, leads nowhere; the events still tell.
    return null;
  }
}

/** Whether a process has this number; one of another user has it too. */
function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}
