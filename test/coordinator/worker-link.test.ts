// A worker seen from the coordinator: which orders it may be given while its connection lasts, and after.
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { dial } from '../../engine/comm/dial.js';
import { listen, type Listener } from '../../engine/comm/listen.js';
import type { Peer } from '../../engine/comm/peer.js';
import { JoinedWorker } from '../../engine/coordinator/joined-worker.js';
import { LostWorker } from '../../engine/coordinator/lost-worker.js';

let listener: Listener;
/** The worker's own end of the connection. */
let far: Peer;
let near: Peer;
let link: JoinedWorker;
let failure: Promise<Error>;

beforeEach(async () => {
  let arrive: (peer: Peer) => void;
  const arrival = new Promise<Peer>((resolve) => (arrive = resolve));
  listener = await listen({ onPeer: (peer) => arrive(peer) });
  far = await dial(listener.url, { hello: { name: 'guest' } });
  near = await arrival;
  failure = new Promise((resolve) => {
    link = new JoinedWorker(
      'w1',
      near,
      { name: 'guest', host: 'elsewhere', pid: 1, address: null },
      {
        onFailure: resolve,
        onReport: () => undefined,
        onState: () => undefined,
        onDropped: () => undefined,
        facts: () => null,
      },
    );
  });
});
afterEach(() => listener.close());

describe('a worker whose connection has ended', () => {
  it('is lost: an order for it comes to nothing, where one out of place is refused before', async () => {
    const early = { type: 'activate', generation: 1 } as const;
    // It has not been set up.
    expect(() => link.order(early)).toThrow(expect.objectContaining({ code: 'PT_PROTOCOL' }) as Error);
    const closed = new Promise((resolve) => near.onClose(resolve));
    far.close();
    await closed;
    expect(() => link.order(early)).not.toThrow();
    expect(await failure).toBeInstanceOf(LostWorker);
  });
});
