// Entry of a worker process. The first line of standard input is the invitation: where the coordinator is. The end of
// standard input means that whoever started this process is gone, whatever became of its sockets, and ends it. A worker
// that joins tells its starter on standard output how it fares.
import { hostname } from 'node:os';
import { createInterface, type Interface } from 'node:readline';
import { dial } from '../comm/dial.js';
import type { Peer } from '../comm/peer.js';
import { InterruptedError, toErrorRecord, WorkerError } from '../core/errors.js';
import { seatOf } from '../core/plan.js';
import { type Invitation, invitationSchema } from '../protocol/invitation.js';
import { assignmentSchema, orderSchema } from '../protocol/messages.js';
import type { WorkerNews } from '../protocol/worker-news.js';
import { Worker } from './worker.js';

/** A worker whose coordinator is gone has this long to end by itself. */
const END_GRACE_MS = 5000;

async function main(): Promise<void> {
  const lines = createInterface({ input: process.stdin });
  const [first] = (await Promise.race([once(lines, 'line'), once(lines, 'close')])) as [string | undefined];
  if (first === undefined) return;
  const invitation = invitationSchema.parse(JSON.parse(first));
  const tell = (news: WorkerNews): void =>
    void (invitation.own !== null && process.stdout.write(`${JSON.stringify(news)}\n`));
  let isLeaving = false;
  try {
    await work(invitation, lines, tell, () => (isLeaving = true));
    tell({ type: 'ended', reason: isLeaving ? 'left' : 'stopped' });
  } catch (error) {
    tell({ type: 'ended', reason: 'failed', error: toErrorRecord(error) });
    throw error;
  } finally {
    lines.close();
    process.stdin.destroy();
  }
}

async function work(
  invitation: Invitation,
  lines: Interface,
  tell: (news: WorkerNews) => void,
  onLeave: () => void,
): Promise<void> {
  const { url, token, trust, own } = invitation;
  // Signals of the terminal reach the whole process group; whoever started this process decides about them.
  process.on('SIGINT', () => undefined);
  const early = { isLeaving: false };
  let leave = (): void => void (early.isLeaving = true);
  let signals = 0;
  process.on('SIGTERM', () => (signals++ === 0 ? leave() : process.exit(143)));

  const name = invitation.worker ?? own?.name ?? 'worker';
  const peer = await dial(url, {
    token,
    hello: { name, ...(own === null ? {} : { role: 'join', host: hostname(), pid: process.pid }) },
    trust,
    timeoutMs: 30_000,
  });
  const assignment = own === null ? null : await assigned(peer);
  const worker = new Worker({
    worker: assignment?.worker ?? name,
    port: {
      token,
      host: own?.host ?? (own === null ? (invitation.host ?? '127.0.0.1') : (peer.localAddress ?? '127.0.0.1')),
      port: own?.port ?? 0,
      url,
    },
    home: peer,
    own,
    report: (report) => peer.send(report),
    onSeat: (plan) =>
      tell({ type: 'seat', generation: plan.generation, seat: seatOf(plan, assignment?.worker ?? name) }),
  });
  leave = () => {
    onLeave();
    worker.leave();
  };
  const end = (): void => {
    worker.disconnect();
    setTimeout(() => process.exit(4), END_GRACE_MS).unref();
  };
  peer.onMessage((message) => {
    const order = orderSchema.safeParse(message);
    if (order.success) worker.order(order.data);
    else
      peer.send({
        type: 'failed',
        error: {
          code: 'PT_PROTOCOL',
          exitCode: 1,
          message: `worker ${name} cannot read an order: ${order.error.message}`,
          hint: 'Report this.',
        },
      });
  });
  peer.onClose(end);
  lines.on('close', end);
  lines.on('line', (line) => void (line === 'leave' && leave()));
  if (assignment !== null) {
    tell({ type: 'joined', worker: assignment.worker });
    // A link that is cut does not close the connection; silence is the only sign.
    const limit = assignment.heartbeatSeconds * 1000;
    setInterval(
      () => void (peer.silentMs > limit && peer.close(`nothing was heard for ${assignment.heartbeatSeconds} s`)),
      limit / 4,
    ).unref();
  }
  if (early.isLeaving) leave();
  try {
    await worker.run();
  } finally {
    // The close handshake comes after the last report, so the report has arrived when it is done.
    const closed = new Promise<void>((resolve) => peer.onClose(() => resolve()));
    peer.close();
    await closed;
  }
}

/** The name that the coordinator gives to a worker that joins. */
function assigned(peer: Peer): Promise<ReturnType<typeof assignmentSchema.parse>> {
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

/** The first emission of an event, as its arguments. */
function once(lines: Interface, event: 'line' | 'close'): Promise<unknown[]> {
  return new Promise((resolve) => lines.once(event, (...values: unknown[]) => resolve(values)));
}

main().then(
  () => process.exit(0),
  (error: unknown) => {
    // The coordinator has the report; the exit code is for those who look at the process alone.
    process.exit(error instanceof WorkerError ? 4 : 1);
  },
);
