// Entry of a worker process. The first line of standard input is the invitation: where the coordinator is. The end of
// standard input means that whoever started this process is gone, whatever became of its sockets, and ends it. A worker
// that joins tells its starter on standard output how it fares.
import { createInterface, type Interface } from 'node:readline';
import type { Peer } from '../comm/peer.js';
import { toErrorRecord, WorkerError } from '../core/errors.js';
import { seatOf } from '../core/plan.js';
import { type Invitation, invitationSchema } from '../protocol/invitation.js';
import { orderSchema } from '../protocol/messages.js';
import { clippedError } from '../protocol/report-text.js';
import type { WorkerNews } from '../protocol/worker-news.js';
import { type Arrival, arrive } from './arrival.js';
import { Worker } from './worker.js';
import type { WorkerHost } from './worker-phase.js';

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
  const departure = new Departure();
  obeySignals(departure);
  const arrival = await arrive(invitation);
  const { peer, heartbeatSeconds } = arrival;
  const worker = new Worker(hostFor(invitation, arrival, tell));
  takeOrders(worker, arrival);
  const end = (): void => {
    worker.disconnect();
    setTimeout(() => process.exit(4), END_GRACE_MS).unref();
  };
  peer.onClose(end);
  lines.on('close', end);
  lines.on('line', (line) => void (line === 'leave' && departure.ask()));
  if (heartbeatSeconds !== null) {
    tell({ type: 'joined', worker: arrival.worker });
    closeWhenSilent(peer, heartbeatSeconds);
  }
  departure.onAsked(() => {
    onLeave();
    worker.leave();
  });
  try {
    await worker.run();
  } finally {
    // The close handshake comes after the last report, so the report has arrived when it is done.
    const closed = new Promise<void>((resolve) => peer.onClose(() => resolve()));
    peer.close();
    await closed;
  }
}

/** The wish that this worker leaves the run. It may come before there is a worker to hear it. */
class Departure {
  #isAsked = false;
  #handler: (() => void) | null = null;

  ask(): void {
    this.#isAsked = true;
    this.#handler?.();
  }

  onAsked(handler: () => void): void {
    this.#handler = handler;
    if (this.#isAsked) handler();
  }
}

/** The first SIGTERM asks the worker to leave, the second ends the process. */
function obeySignals(departure: Departure): void {
  // Signals of the terminal reach the whole process group; whoever started this process decides about them.
  process.on('SIGINT', () => undefined);
  process.on('SIGHUP', () => undefined);
  let signals = 0;
  process.on('SIGTERM', () => (signals++ === 0 ? departure.ask() : process.exit(143)));
}

function hostFor(
  { url, host, own, run }: Invitation,
  { peer, worker }: Arrival,
  tell: (news: WorkerNews) => void,
): WorkerHost {
  const loopback = '127.0.0.1';
  return {
    worker,
    port: {
      host: own === null ? (host ?? loopback) : (own.host ?? peer.localAddress ?? loopback),
      port: own?.port ?? 0,
      url,
    },
    home: peer,
    own,
    run,
    report: (report) => peer.send(report),
    onSeat: (plan) => tell({ type: 'seat', generation: plan.generation, seat: seatOf(plan, worker) }),
  };
}

function takeOrders(worker: Worker, { peer, worker: name }: Arrival): void {
  peer.onMessage((message) => {
    const order = orderSchema.safeParse(message);
    if (order.success) return worker.order(order.data);
    peer.send({
      type: 'failed',
      error: clippedError({
        code: 'PT_PROTOCOL',
        exitCode: 1,
        message: `worker ${name} cannot read an order: ${order.error.message}`,
        hint: 'Report this.',
      }),
    });
  });
}

/** A link that is cut does not close the connection; silence is the only sign. */
function closeWhenSilent(peer: Peer, seconds: number): void {
  const limitMs = seconds * 1000;
  setInterval(
    () => void (peer.silentMs > limitMs && peer.close(`nothing was heard for ${seconds} s`)),
    limitMs / 4,
  ).unref();
}

/** The first emission of an event, as its arguments. */
function once(lines: Interface, event: 'line' | 'close'): Promise<unknown[]> {
  return new Promise((resolve) => lines.once(event, (...values: unknown[]) => resolve(values)));
}

// Its last words are shown by the coordinator: not the source around the place, which Node would print.
process.on('uncaughtException', (error) => {
  process.stderr.write(`${error.stack ?? String(error)}\n`, () => process.exit(1));
});

main().then(
  () => process.exit(0),
  (error: unknown) => {
    // The coordinator has the report; the exit code is for those who look at the process alone.
    process.exit(error instanceof WorkerError ? 4 : 1);
  },
);
