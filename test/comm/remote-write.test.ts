import { afterEach, describe, expect, it } from 'vitest';
import { dial } from '../../engine/comm/dial.js';
import { listen, type Listener } from '../../engine/comm/listen.js';
import type { Peer } from '../../engine/comm/peer.js';
import { Landings, PIECE_ELEMENTS, WRITE, writeSlowlyTo, writeTo } from '../../engine/comm/remote-write.js';
import { bitsAt, randomKey } from '../../engine/core/random.js';

const listeners: Listener[] = [];
afterEach(async () => void (await Promise.all(listeners.splice(0).map((listener) => listener.close()))));

/** A connection whose far end writes into `landings`, and says when it is rung. */
async function connected(): Promise<{
  readonly near: Peer;
  readonly landings: Landings;
  readonly rung: Promise<void>;
  readonly closed: Promise<string>;
}> {
  const landings = new Landings();
  let ring!: () => void;
  const rung = new Promise<void>((resolve) => (ring = resolve));
  const listener = await listen({
    onPeer: (peer) => {
      peer.route(WRITE, (message) => landings.accept(peer.name, message));
      peer.onMessage(() => ring());
    },
  });
  listeners.push(listener);
  const near = await dial(listener.url, { hello: { name: 'w' } });
  return { near, landings, rung, closed: new Promise((resolve) => near.onClose(resolve)) };
}

/** Arbitrary bit patterns, NaN payloads included. */
function words(seed: number, length: number): Uint32Array {
  const key = randomKey(seed, 'words');
  return Uint32Array.from({ length }, (_, i) => bitsAt(key, i));
}
const floats = (data: Uint32Array): Float32Array => new Float32Array(data.buffer);
const bytesOf = (data: Float32Array | Uint32Array): Uint8Array =>
  new Uint8Array(data.buffer, data.byteOffset, data.byteLength);

describe('an array written into a place of another process', () => {
  it.each([0, 1, PIECE_ELEMENTS, 3 * PIECE_ELEMENTS + 17])(
    'of %i elements arrives bit for bit before what is rung afterwards, though it changes at once',
    async (length) => {
      const { near, landings, rung } = await connected();
      const got = new Float32Array(length);
      landings.open('a', 'w', got);
      const sent = words(length, length);
      const before = Uint32Array.from(sent);
      writeTo(near, 'a', floats(sent));
      sent.fill(0);
      near.send({ type: 'bell' });
      await rung;
      expect(Buffer.compare(bytesOf(got), bytesOf(before))).toBe(0);
    },
  );

  it('fills the part that it names, and leaves the rest', async () => {
    const { near, landings, rung } = await connected();
    const got = new Float32Array(5);
    landings.open('a', 'w', got);
    await writeSlowlyTo(near, 'b', new Float32Array(3 * PIECE_ELEMENTS)); // not open, any more: nobody minds
    writeTo(near, 'a', Float32Array.of(1, 2), 2);
    near.send({ type: 'bell' });
    await rung;
    expect([...got]).toEqual([0, 0, 1, 2, 0]);
  });

  it.each([
    [
      'beyond its end',
      { place: 'a', offset: 3, data: new Float32Array(2) },
      /elements \[3, 5\) arrived for "a", which has 4/,
    ],
    [
      'that is for somebody else',
      { place: 'other', offset: 0, data: new Float32Array(1) },
      /w wrote to "other", which is for w9/,
    ],
    ['at no place', { offset: 0, data: new Float32Array(1) }, /malformed/],
    ['before its beginning', { place: 'a', offset: -1, data: new Float32Array(1) }, /malformed/],
    ['as numbers of another kind', { place: 'a', offset: 0, data: new Int32Array(1) }, /malformed/],
  ])('%s ends the connection and changes nothing', async (_, piece, why) => {
    const { near, landings, closed } = await connected();
    const [mine, other] = [new Float32Array(4).fill(7), new Float32Array(4).fill(7)];
    landings.open('a', 'w', mine);
    landings.open('other', 'w9', other);
    near.send({ type: WRITE, ...piece });
    expect(await closed).toMatch(why);
    expect([...mine, ...other]).toEqual(new Array(8).fill(7));
  });

  it('cannot be sent in full to a peer that is gone', async () => {
    const { near } = await connected();
    near.close('done');
    await expect(writeSlowlyTo(near, 'a', new Float32Array(3 * PIECE_ELEMENTS))).rejects.toMatchObject({
      code: 'PT_PEER_CLOSED',
    });
  });
});
