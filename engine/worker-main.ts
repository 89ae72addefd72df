// Entry of a worker process. The first line of standard input says where the coordinator is; the end of standard input means that the
// coordinator is gone, whatever became of its sockets, and ends this process.
import { createInterface } from 'node:readline';
import { z } from 'zod';
import { dial } from './comm/dial.js';
import { trustSchema } from './comm/tls.js';
import { WorkerError } from './core/errors.js';
import { orderSchema } from './messages.js';
import { Worker } from './worker.js';

const invitationSchema = z.object({ url: z.string(), token: z.string(), worker: z.string(), trust: trustSchema.optional() });

async function main(): Promise<void> {
  const lines = createInterface({ input: process.stdin });
  const [first] = (await Promise.race([once(lines, 'line'), once(lines, 'close')])) as [string | undefined];
  if (first === undefined) return;
  const { url, token, worker: name, trust } = invitationSchema.parse(JSON.parse(first));
  const peer = await dial(url, { token, hello: { name }, trust, timeoutMs: 30_000 });
  const worker = new Worker({ worker: name, token, report: (report) => peer.send(report) });
  // Signals of the terminal reach the whole process group; the coordinator decides when a worker stops.
  process.on('SIGINT', () => undefined);
  process.on('SIGTERM', () => undefined);
  peer.onMessage((message) => {
    const order = orderSchema.safeParse(message);
    if (order.success) worker.order(order.data);
    else peer.send({ type: 'failed', error: { code: 'PT_PROTOCOL', exitCode: 1, message: `worker ${name} cannot read an order: ${order.error.message}`, hint: 'Report this.' } });
  });
  peer.onClose(() => worker.disconnect());
  lines.on('close', () => worker.disconnect());
  try {
    await worker.run();
  } finally {
    // The close handshake comes after the last report, so the report has arrived when it is done.
    const closed = new Promise<void>((resolve) => peer.onClose(() => resolve()));
    peer.close();
    await closed;
    lines.close();
    process.stdin.destroy();
  }
}

/** The first emission of an event, as its arguments. */
function once(lines: ReturnType<typeof createInterface>, event: 'line' | 'close'): Promise<unknown[]> {
  return new Promise((resolve) => lines.once(event, (...values: unknown[]) => resolve(values)));
}

main().then(
  () => process.exit(0),
  (error: unknown) => {
    // The coordinator has the report; the exit code is for those who look at the process alone.
    process.exit(error instanceof WorkerError ? 4 : 1);
  },
);
