import { afterEach, describe, expect, it } from 'vitest';
import { ArrayInbox, BULK_ELEMENTS, sendArray } from '../../engine/comm/bulk.js';
import { dial } from '../../engine/comm/dial.js';
import { listen, type Listener } from '../../engine/comm/listen.js';
import type { Peer } from '../../engine/comm/peer.js';
import { bitsAt, randomKey } from '../../engine/core/random.js';

const listeners: Listener[] = [];
afterEach(async () => void (await Promise.all(listeners.splice(0).map((listener) => listener.close()))));

async function pair(): Promise<[near: Peer, far: Peer]> {
  let arrive!: (peer: Peer) => void;
  const arrival = new Promise<Peer>((resolve) => (arrive = resolve));
  const listener = await listen({ onPeer: arrive });
  listeners.push(listener);
  return [await dial(listener.url, { hello: { name: 'w' } }), await arrival];
}

/** Arbitrary bit patterns, NaN payloads included. */
const words = (seed: number, length: number): Uint32Array => {
  const key = randomKey(seed, 'bulk');
  return Uint32Array.from({ length }, (_, i) => bitsAt(key, i));
};
const floats = (data: Uint32Array): Float32Array => new Float32Array(data.buffer);
const bytesOf = (data: Float32Array | Uint32Array): Uint8Array => new Uint8Array(data.buffer, data.byteOffset, data.byteLength);

describe('arrays over a peer', () => {
  it.each([0, 1, BULK_ELEMENTS, BULK_ELEMENTS + 1, 3 * BULK_ELEMENTS + 17])('of %i elements arrive bit for bit', async (length) => {
    const [near, far] = await pair();
    const inbox = new ArrayInbox();
    inbox.attach(far);
    const sent = words(length, length);
    const [, got] = await Promise.all([sendArray(near, 'gradient 3', floats(sent)), inbox.receive('gradient 3')]);
    expect(Buffer.compare(bytesOf(got), bytesOf(sent))).toBe(0);
    expect(inbox.heldBytes).toBe(0);
  });

  it('of one key are handed out in the order sent; keys do not mix, even when sent at once', async () => {
    const [near, far] = await pair();
    const inbox = new ArrayInbox();
    inbox.attach(far);
    await Promise.all([sendArray(near, 'a', Float32Array.of(1)), sendArray(near, 'b', new Float32Array(2 * BULK_ELEMENTS).fill(9)), sendArray(near, 'a', Float32Array.of(2))]);
    const [first, second, other] = await Promise.all([inbox.receive('a'), inbox.receive('a'), inbox.receive('b')]);
    expect([first[0], second[0], other.length, other[2 * BULK_ELEMENTS - 1]]).toEqual([1, 2, 2 * BULK_ELEMENTS, 9]);
  });

  it('leave other messages of the peer alone', async () => {
    const [near, far] = await pair();
    const inbox = new ArrayInbox();
    inbox.attach(far);
    const message = new Promise((resolve) => far.onMessage(resolve));
    await sendArray(near, 'a', Float32Array.of(1));
    near.send({ type: 'doorbell' });
    expect(await message).toEqual({ type: 'doorbell' });
  });

  it('beyond the cap close the peer and fail the inbox before memory is taken', async () => {
    const [near, far] = await pair();
    const inbox = new ArrayInbox(1000);
    inbox.attach(far);
    const closed = new Promise((resolve) => near.onClose(resolve));
    await sendArray(near, 'big', new Float32Array(251));
    await expect(inbox.receive('big')).rejects.toThrow('array "big" of 1004 bytes does not fit: 0 of 1000 bytes are held already');
    expect(await closed).toContain('does not fit');
    expect(inbox.heldBytes).toBe(0);
  });

  it.each([
    ['a part out of order', { key: 'a', total: 8, offset: 4, data: new Float32Array(4) }],
    ['more than announced', { key: 'a', total: 1, offset: 0, data: new Float32Array(2) }],
    ['an empty part', { key: 'a', total: 1, offset: 0, data: new Float32Array(0) }],
    ['a size that is no number', { key: 'a', total: 'many', offset: 0, data: new Float32Array(2) }],
    ['data of another kind', { key: 'a', total: 2, offset: 0, data: new Int32Array(2) }],
  ])('refuse %s', async (_, part) => {
    const [near, far] = await pair();
    const inbox = new ArrayInbox();
    inbox.attach(far);
    const waiting = inbox.receive('a');
    near.send({ type: 'bulk-part', ...part });
    await expect(waiting).rejects.toMatchObject({ code: 'PT_FRAME' });
  });

  it('that never become whole fail with the peer', async () => {
    const [near, far] = await pair();
    const inbox = new ArrayInbox();
    inbox.attach(far);
    const waiting = inbox.receive('a');
    near.send({ type: 'bulk-part', key: 'a', total: 8, offset: 0, data: new Float32Array(4) });
    near.close('out of memory');
    await expect(waiting).rejects.toMatchObject({ code: 'PT_PEER_CLOSED', message: 'the connection to w is closed: out of memory' });
    expect(inbox.heldBytes).toBe(0);
  });

  it('cannot be sent to a peer that is gone', async () => {
    const [near] = await pair();
    near.close('done');
    await expect(sendArray(near, 'a', new Float32Array(3 * BULK_ELEMENTS))).rejects.toMatchObject({ code: 'PT_PEER_CLOSED' });
  });
});
