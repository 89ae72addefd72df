// Workers on different hosts notice a link between them that is cut, though no connection closes; those that are merely
// slow to look are not given up.
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { dial } from '../../engine/comm/dial.js';
import { listen, type Listener } from '../../engine/comm/listen.js';
import { bellKey } from '../../engine/protocol/bells.js';
import { colleaguesFor, type Introduction, passOf } from '../../engine/protocol/colleagues.js';
import { Neighbours } from '../../engine/worker/neighbours.js';

/** May be silent for so long. */
const LIMIT_MS = 400;
const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

let coordinator: Listener;
let workers: Neighbours[] = [];
let introductions = new Map<string, Introduction>();
const BELL = bellKey('probe', { generation: null, step: null }, 'bell');
const timers: NodeJS.Timeout[] = [];

beforeEach(async () => {
  coordinator = await listen({ name: 'coordinator', onPeer: () => undefined });
  introductions = new Map();
  workers = [];
  for (const worker of ['w0', 'w1']) {
    const home = await dial(coordinator.url, { hello: { name: worker } });
    const neighbours = new Neighbours({
      worker,
      folder: null,
      host: '127.0.0.1',
      port: 0,
      url: coordinator.url,
      home,
      onDropped: () => undefined,
    });
    introductions.set(worker, { ...(await neighbours.open()), domain: `host of ${worker}` });
    workers.push(neighbours);
  }
  for (const [i, worker] of workers.entries()) worker.meet(colleaguesFor(`w${i}`, introductions));
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
    const waiting = outcome(w0?.wait('w1', BELL) ?? Promise.reject(new Error('no worker')));
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
    const waiting = outcome(w0?.wait('w1', BELL) ?? Promise.reject(new Error('no worker')));
    expect(await Promise.race([waiting, pause(4 * LIMIT_MS).then(() => 'still waits')])).toBe('still waits');
    w1?.ring('w0', BELL);
    expect(await waiting).toBe('rung');
  });

  it('is not given up by one that computed and did not look', async () => {
    const [w0, w1] = workers;
    lookAfter(w1);
    const until = performance.now() + 2 * LIMIT_MS;
    while (performance.now() < until);
    // All calls that came meanwhile, at once, before anything that arrived is read.
    for (let i = 0; i < 10; i++) w0?.beat(LIMIT_MS);
    const waiting = outcome(w0?.wait('w1', BELL) ?? Promise.reject(new Error('no worker')));
    lookAfter(w0);
    expect(await Promise.race([waiting, pause(2 * LIMIT_MS).then(() => 'still waits')])).toBe('still waits');
  });
});

describe('the port of a worker', () => {
  const addressOf = (worker: string): string => introductions.get(worker)?.address ?? '';
  const secretOf = (worker: string): string => introductions.get(worker)?.secret ?? '';
  const knock = (worker: string, name: string, token: string): Promise<string> =>
    dial(addressOf(worker), { token, hello: { name } }).then(
      (peer) => new Promise((resolve) => peer.onClose(resolve)),
      (error: { code: string }) => error.code,
    );

  it('lets nobody in who has the token of the run, the pass of another, or that of another port', async () => {
    // At the same time: whoever shows wrong passes waits longer for each answer.
    const codes = await Promise.all([
      knock('w0', 'w1', 'secret'),
      knock('w0', 'w2', passOf(secretOf('w0'), 'w1')),
      knock('w0', 'w2', passOf(secretOf('w1'), 'w2')),
      // A name that nobody can have, and its own.
      knock('w1', '../x', passOf(secretOf('w1'), '../x')),
      knock('w1', 'w1', passOf(secretOf('w1'), 'w1')),
    ]);
    expect(codes).toEqual(Array.from({ length: 5 }, () => 'PT_TOKEN'));
  });

  it('lets a colleague in that it has not been told of yet, and none that has left', async () => {
    const [w0] = workers;
    const pass = passOf(secretOf('w0'), 'w2');
    const early = await dial(addressOf('w0'), { token: pass, hello: { name: 'w2' } });
    const closed = new Promise<string>((resolve) => early.onClose(resolve));
    const w2: Introduction = { address: 'ws://127.0.0.1:1', fingerprint: null, domain: 'x', secret: '0'.repeat(64) };
    w0?.meet(colleaguesFor('w0', [...introductions, ['w2', w2]]));
    expect(early.isOpen).toBe(true);
    w0?.meet(colleaguesFor('w0', introductions));
    expect(await closed).toBe('it left the run');
    expect(await knock('w0', 'w2', pass)).toBe('PT_TOKEN');
  });

  it.each([
    ['for another generation than the one at hand', bellKey('F', { generation: 8, step: 3 }, 0, 0)],
    ['for a step that is over', bellKey('F', { generation: 7, step: 2 }, 0, 0)],
    ['for a step too far ahead', bellKey('F', { generation: 7, step: 5 }, 0, 0)],
    ['that has no such key', 'F 7'],
    ['in the name of another', bellKey('G', { generation: 7, step: 3 }, 'w2', 0, 0)],
  ])('cuts a colleague off that rings %s, and tells who it was', async (_, key) => {
    const [w0, w1] = workers;
    w0?.enter(7, 3);
    const other = w0?.wait('w2', bellKey('G', { generation: 7, step: 3 }, 'w2', 0, 0));
    other?.catch(() => undefined);
    const waiting = w0?.wait('w1', bellKey('F', { generation: 7, step: 3 }, 0, 0));
    w1?.ring('w0', key);
    await expect(waiting).rejects.toMatchObject({ code: 'PT_PEER_LOST', worker: 'w1', isFault: true });
  });

  it('takes bells of work that was given up for nothing, and those of the next step for what they are', async () => {
    const [w0, w1] = workers;
    w0?.enter(7, 3);
    w1?.ring('w0', bellKey('F', { generation: 6, step: 9 }, 0, 0));
    w1?.ring('w0', bellKey('F', { generation: 7, step: 4 }, 0, 0));
    w1?.ring('w0', bellKey('F', { generation: 7, step: 3 }, 0, 0));
    await w0?.wait('w1', bellKey('F', { generation: 7, step: 3 }, 0, 0));
    w0?.enter(7, 4);
    await w0?.wait('w1', bellKey('F', { generation: 7, step: 4 }, 0, 0));
  });
});
