// Arrival: how a worker process comes to its coordinator: it dials, says who it is, and is given a name where it joins.
// What it does there is the worker's business.
import { hostname } from 'node:os';
import { dial, dialLocally } from '../comm/dial.js';
import { isOwnSocket } from '../comm/local-socket.js';
import type { Peer } from '../comm/peer.js';
import { InterruptedError, WorkerError } from '../core/errors.js';
import type { Invitation } from '../protocol/invitation.js';
import { assignmentSchema } from '../protocol/messages.js';

type Assignment = ReturnType<typeof assignmentSchema.parse>;

export interface Arrival {
  /** The connection to the coordinator. */
  readonly peer: Peer;
  /** The name of this worker in the run. */
  readonly worker: string;
  /** Seconds of silence after which the coordinator is gone; null where it started this process, and ends with it. */
  readonly heartbeatSeconds: number | null;
}

/**
 * Connects to the coordinator of an invitation. Throws what `dial` throws, an InterruptedError where the coordinator
 * does not let this worker in, and a WorkerError (PT_PROTOCOL) where it speaks otherwise.
 */
export async function arrive({ url, local, token, pass, trust, own, worker }: Invitation): Promise<Arrival> {
  const name = worker ?? own?.name ?? 'worker';
  const options = {
    token,
    hello: { name, ...(own === null ? { pass } : { role: 'join', host: hostname(), pid: process.pid }) },
    trust,
    timeoutMs: 30_000,
  };
  // The socket goes with the memory folder, where somebody takes that away; the port stays.
  const isThere = local !== null && isOwnSocket(local);
  const peer = await (isThere ? dialLocally(local, options) : dial(url, options));
  if (own === null) return { peer, worker: name, heartbeatSeconds: null };
  const assignment = await assigned(peer);
  return { peer, worker: assignment.worker, heartbeatSeconds: assignment.heartbeatSeconds };
}

/** The name that the coordinator gives to a worker that joins. */
function assigned(peer: Peer): Promise<Assignment> {
  return new Promise((resolve, reject) => {
    peer.onClose((reason) =>
      reject(new InterruptedError(`the coordinator closed the connection: ${reason}`, 'Look at the coordinator.')),
    );
    peer.route('assigned', (message) => {
      const assignment = assignmentSchema.safeParse(message);
      if (assignment.success) resolve(assignment.data);
      else
        reject(
          new WorkerError(
            'PT_PROTOCOL',
            'the coordinator gave this worker no name it can read',
            'Run the same version of pipetrain on both sides.',
          ),
        );
    });
  });
}
