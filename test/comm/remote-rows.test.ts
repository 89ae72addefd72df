import { afterEach, describe, expect, it } from 'vitest';
import { dial } from '../../engine/comm/dial.js';
import { listen, type Listener } from '../../engine/comm/listen.js';
import type { Peer } from '../../engine/comm/peer.js';
import { RowLandings, ROWS, writeRowsTo } from '../../engine/comm/remote-rows.js';
import { PIECE_ELEMENTS } from '../../engine/comm/remote-write.js';
import { RowSet } from '../../engine/comm/row-set.js';

const listeners: Listener[] = [];
afterEach(async () => void (await Promise.all(listeners.splice(0).map((listener) => listener.close()))));

/** A connection whose far end writes into `landings`, and says when it is rung. */
async function connected(): Promise<{
  readonly near: Peer;
  readonly landings: RowLandings;
  readonly rung: () => Promise<void>;
  readonly closed: Promise<string>;
}> {
  const landings = new RowLandings();
  let ring: () => void = () => undefined;
  const listener = await listen({
    onPeer: (peer) => {
      peer.route(ROWS, (message) => landings.accept(peer.name, message));
      peer.onMessage(() => ring());
    },
  });
  listeners.push(listener);
  const near = await dial(listener.url, { hello: { name: 'w' } });
  const rung = (): Promise<void> =>
    new Promise((resolve) => {
      ring = resolve;
      near.send({ type: 'bell' });
    });
  return { near, landings, rung, closed: new Promise((resolve) => near.onClose(resolve)) };
}

describe('rows written into a set of another process', () => {
  it('arrive bit for bit, in pieces, and take the place of those that were there; none at all, too', async () => {
    const { near, landings, rung } = await connected();
    const width = PIECE_ELEMENTS / 4;
    const set = RowSet.withRoomFor(11, { rows: 20, width });
    landings.open('a', 'w', set);
    for (const count of [11, 4, 5, 0, 1]) {
      const ids = Int32Array.from({ length: count }, (_, i) => 2 * i - (i > 9 ? 1 : 0));
      const values = Float32Array.from({ length: count * width }, (_, i) => (i % 97 === 0 ? -0 : i));
      writeRowsTo(near, 'a', { ids, values });
      await rung();
      expect(set.all.ids).toEqual(ids);
      expect(Buffer.compare(Buffer.from(set.all.values.slice().buffer), Buffer.from(values.buffer))).toBe(0);
    }
    writeRowsTo(near, 'b', { ids: Int32Array.of(1), values: new Float32Array(width) }); // not open, any more
    await rung();
  });

  const rows = (...ids: number[]): object => ({ ids: Int32Array.from(ids), data: new Float32Array(8 * ids.length) });
  it.each([
    ['out of range', { after: 0, ...rows(3, 12) }, /row 12 of 12 arrived for "a"/],
    ['with a negative number', { after: 0, ...rows(-1, 3) }, /row -1 arrived behind row -1/],
    ['in no order', { after: 0, ...rows(5, 3) }, /row 3 arrived behind row 5/],
    ['twice', { after: 0, ...rows(3, 3) }, /row 3 arrived behind row 3/],
    ['that go on before they end', { after: 2, ...rows(7) }, /row 7 arrived behind row 7/],
    ['that begin in the middle', { after: 1, ...rows(9) }, /rows 1\.\.\. arrived behind the first 2/],
    ['that are too many', { after: 2, ...rows(8, 9) }, /4 rows arrived where 3 have room/],
    [
      'of another width',
      { after: 0, ids: Int32Array.of(1), data: new Float32Array(4) },
      /4 elements arrived as 1 rows of 8/,
    ],
    ['that are for somebody else', { place: 'other', after: 0, ...rows(1) }, /w wrote to "other", which is for w9/],
    ['without numbers', { after: 0, ids: new Float32Array(1), data: new Float32Array(8) }, /malformed/],
    ['from a place that is none', { after: -1, ...rows(1) }, /malformed/],
  ])('%s end the connection, and change nothing', async (_, message, wrong) => {
    const { near, landings, rung, closed } = await connected();
    const set = RowSet.withRoomFor(3, { rows: 12, width: 8 });
    landings.open('a', 'w', set);
    landings.open('other', 'w9', RowSet.withRoomFor(3, { rows: 12, width: 8 }));
    writeRowsTo(near, 'a', { ids: Int32Array.of(2, 7), values: new Float32Array(16).fill(1) });
    await rung();
    near.send({ type: ROWS, place: 'a', ...message });
    expect(await closed).toMatch(wrong);
    expect([...set.all.ids]).toEqual([2, 7]);
    expect(set.all.values).toEqual(new Float32Array(16).fill(1));
  });
});
