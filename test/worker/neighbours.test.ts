// Workers on different hosts notice a link between them that is cut, though no connection closes; those that are merely
// slow to look are not given up.
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { dial } from '../../engine/comm/dial.js';
import { listen, type Listener } from '../../engine/comm/listen.js';
import type { Colleague } from '../../engine/protocol/messages.js';
import { Neighbours } from '../../engine/worker/neighbours.js';

/** May be silent for so long. */
const LIMIT_MS = 400;
const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

let coordinator: Listener;
let workers: Neighbours[] = [];
const timers: NodeJS.Timeout[] = [];

beforeEach(async () => {
  coordinator = await listen({ name: 'coordinator', onPeer: () => undefined });
  const colleagues: Record<string, Colleague> = {};
  workers = [];
  for (const worker of ['w0', 'w1']) {
    const home = await dial(coordinator.url, { hello: { name: worker } });
    const neighbours = new Neighbours({
      worker,
      folder: null,
      token: 'secret',
      host: '127.0.0.1',
      port: 0,
      url: coordinator.url,
      home,
      onDropped: () => undefined,
    });
    colleagues[worker] = { ...(await neighbours.open()), domain: `host of ${worker}` };
    workers.push(neighbours);
  }
  for (const worker of workers) worker.meet(colleagues);
  await Promise.all([workers[0]?.reach(['w1']), workers[1]?.reach(['w0'])]);
});
afterEach(async () => {
  for (const timer of timers.splice(0)) clearInterval(timer);
  await Promise.all(workers.map((worker) => worker.close()));
  await coordinator.close();
});

/** Lets a worker look after its neighbours as its coordinator would have it. */
const lookAfter = (worker: Neighbours | undefined): void =>
  void timers.push(setInterval(() => worker?.beat(LIMIT_MS), LIMIT_MS / 4));
const outcome = (wait: Promise<void>): Promise<string> =>
  wait.then(
    () => 'rung',
    (error: Error) => error.message,
  );

describe('a neighbour on another host', () => {
  it('that gives no sign of life is given up within about the time that it may be silent', async () => {
    const [w0] = workers;
    const waiting = outcome(w0?.wait('a bell that never rings') ?? Promise.reject(new Error('no worker')));
    const begin = performance.now();
    lookAfter(w0);
    expect(await waiting).toBe('worker w0 lost its connection to worker w1: nothing was heard for 0.4 s');
    // Five looks, a quarter of the time apart: not before the fourth of them, whatever the machine does.
    expect(performance.now() - begin).toBeGreaterThan(LIMIT_MS);
  });

  it('that does is not, however long it has nothing to tell', async () => {
    const [w0, w1] = workers;
    lookAfter(w0);
    lookAfter(w1);
    const waiting = outcome(w0?.wait('bell') ?? Promise.reject(new Error('no worker')));
    expect(await Promise.race([waiting, pause(4 * LIMIT_MS).then(() => 'still waits')])).toBe('still waits');
    w1?.ring('w0', 'bell');
    expect(await waiting).toBe('rung');
  });

  it('is not given up by one that computed and did not look', async () => {
    const [w0, w1] = workers;
    lookAfter(w1);
    const until = performance.now() + 2 * LIMIT_MS;
    while (performance.now() < until);
    // All calls that came meanwhile, at once, before anything that arrived is read.
    for (let i = 0; i < 10; i++) w0?.beat(LIMIT_MS);
    const waiting = outcome(w0?.wait('bell') ?? Promise.reject(new Error('no worker')));
    lookAfter(w0);
    expect(await Promise.race([waiting, pause(2 * LIMIT_MS).then(() => 'still waits')])).toBe('still waits');
  });
});
