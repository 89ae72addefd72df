// RollCall: a wait ends with its value or with the first failure, and nothing is kept of it: a run has millions.
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { dial } from '../../engine/comm/dial.js';
import { listen, type Listener } from '../../engine/comm/listen.js';
import type { Peer } from '../../engine/comm/peer.js';
import { Departures } from '../../engine/coordinator/departures.js';
import { JoinedWorker } from '../../engine/coordinator/joined-worker.js';
import { LostWorker } from '../../engine/coordinator/lost-worker.js';
import { RollCall } from '../../engine/coordinator/roll-call.js';
import { Roster } from '../../engine/coordinator/roster.js';
import { RunPhase } from '../../engine/coordinator/run-phase.js';
import { Trouble } from '../../engine/coordinator/trouble.js';
import { PlanInForce } from '../../engine/protocol/plan-in-force.js';
import { collectGarbage, numAlive } from '../collect-garbage.js';

const WAITS = 2000;
const LONG_MS = 60_000;

let listener: Listener;
let trouble: Trouble;
let calls: RollCall;
const lost = new LostWorker('w0', 'worker w0 is gone', '');

beforeEach(async () => {
  let arrive: (peer: Peer) => void;
  const arrival = new Promise<Peer>((resolve) => (arrive = resolve));
  listener = await listen({ onPeer: (peer) => arrive(peer) });
  await dial(listener.url, { hello: { name: 'guest' } });
  const roster = new Roster();
  const ignore = (): void => undefined;
  const handlers = { onFailure: ignore, onReport: ignore, onState: ignore, onDropped: ignore, facts: () => null };
  roster.add(
    new JoinedWorker('w0', await arrival, { name: 'guest', host: 'elsewhere', pid: 1, address: null }, handlers),
  );
  trouble = new Trouble({
    roster,
    departures: new Departures(),
    plans: new PlanInForce(),
    phase: new RunPhase(),
    onFault: ignore,
  });
  calls = new RollCall({
    linkOf: (id) => roster.find(id),
    onTrouble: (end) => trouble.onFirst(end),
    onSilent: (error) => trouble.note(error, error.worker),
  });
});
afterEach(() => listener.close());

describe('a wait', () => {
  it('that is over is forgotten, with all that came of it, though nothing has failed', async () => {
    const reports: WeakRef<object>[] = [];
    for (let i = 0; i < WAITS; i++) {
      const report = { losses: [i] };
      reports.push(new WeakRef(report));
      await calls.within(LONG_MS, 'report', Promise.resolve(report));
    }
    for (let i = 0; i < WAITS; i++) {
      const error = new Error('a worker cannot');
      reports.push(new WeakRef(error));
      await calls.within(LONG_MS, 'report', Promise.reject(error)).catch(() => undefined);
    }
    await collectGarbage();
    // Compiled code may hold a few in stack slots that it no longer uses; what is kept for good are thousands.
    expect(numAlive(reports)).toBeLessThan(WAITS / 20);
  });

  it('is ended by the first failure, those before and those after it, until that has been dealt with', async () => {
    const never = new Promise<never>(() => undefined);
    const before = [1, 2].map(() => calls.within(LONG_MS, 'report', never));
    trouble.note(lost, 'w0');
    trouble.note(new Error('which only follows'), 'w0');
    for (const wait of [...before, calls.within(LONG_MS, 'report', never)]) await expect(wait).rejects.toBe(lost);
    trouble.settle();
    await expect(calls.within(LONG_MS, 'report', Promise.resolve('done'))).resolves.toBe('done');
  });

  it('that nobody answers is over when its time is', async () => {
    await expect(calls.within(20, 'report', new Promise<never>(() => undefined))).rejects.toMatchObject({
      code: 'PT_WORKER_SILENT',
    });
  });
});
