// StatusDesk: where a coordinator answers those who only ask how the run stands. Whoever asks gets one answer and can
// never take part.
import type { Peer } from '../comm/peer.js';
import type { RunStatus } from '../status/run-status.js';
import type { SignOfLife } from '../status/status-board.js';
import { JoinedWorker } from './joined-worker.js';
import type { WorkerLink } from './worker-link.js';

/** Who has the answer goes by itself; whoever does not is cut after this time. */
const LEAVE_TIMEOUT_MS = 5000;

/** Signs of life of everybody who is connected or about to be. */
export function signsOfLife(workers: readonly WorkerLink[], leaving: ReadonlySet<string>): SignOfLife[] {
  return workers.map((worker) => {
    const origin = worker instanceof JoinedWorker ? worker.origin : null;
    return {
      worker: worker.id,
      pid: worker.pid,
      name: origin?.name ?? null,
      host: origin?.host ?? null,
      silentMs: worker.silentMs,
      isLeaving: leaving.has(worker.id),
    };
  });
}

/**
 * Answers once. A word from the other side ends the connection, and `onDropped` is told: there is nothing it may say.
 */
export function answerStatus(peer: Peer, status: RunStatus, onDropped: (peer: string, reason: string) => void): void {
  const timer = setTimeout(() => peer.close('it has its answer'), LEAVE_TIMEOUT_MS).unref();
  let isDropped = false;
  const drop = (reason: string): void => {
    if (isDropped) return;
    isDropped = true;
    onDropped(peer.name, reason);
    peer.close(reason);
  };
  peer.onClose(() => clearTimeout(timer));
  peer.onError((error) => drop(error.message));
  peer.onMessage(({ type }) => drop(`it asked for the status and may say nothing, but sent "${type.slice(0, 40)}"`));
  peer.send({ type: 'status', status });
}
