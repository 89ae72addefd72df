import { describe, expect, it } from 'vitest';
import { CHUNK, chunkSquares, numChunks, shardChunks } from '../../engine/comm/reduction.js';
import { RowSet } from '../../engine/comm/row-set.js';
import { bitsAt, randomKey } from '../../engine/core/random.js';
import { SlabSquares } from '../../engine/dp/slab-squares.js';
import { gradientLayout } from '../../engine/model/gradient-layout.js';
import { slabLayout } from '../../engine/model/slab.js';
import { vectorLanes } from '../../engine/tensor/jit/cpu-features.js';
import { HostAdder, NativeAdder, type VectorAdder } from '../../engine/tensor/vector-adder.js';

const lanes = vectorLanes();
const param = (...shape: number[]): { shape: number[]; init: { kind: 'zeros' }; decay: boolean } => ({
  shape,
  init: { kind: 'zeros' },
  decay: true,
});

/** A block with two tables, one of rows that are longer than a chunk, between other parameters. */
const slab = slabLayout({
  name: 'embed',
  kind: 'embedding',
  layer: null,
  params: { a: param(37), words: param(2001, 40), b: param(3, 5), long: param(6, CHUNK + 24), c: param(9) },
  forward: () => {
    throw new Error('it is never run');
  },
});
const layout = gradientLayout(slab, [
  { block: 0, name: 'long', field: 'kinds', rows: 6, width: CHUNK + 24, count: 2 },
  { block: 0, name: 'words', field: 'tokens', rows: 2001, width: 40, count: 300 },
]);

const adders: readonly (readonly [string, VectorAdder])[] = [
  ['in JavaScript', new HostAdder()],
  ...(lanes === null ? [] : [['in machine code', new NativeAdder(lanes)] as const]),
];

describe.each(adders)('sums of squares of a gradient that is kept by rows, %s', (_, adder) => {
  it.each([[1], [2], [5]])('are those of the whole slab to the bit, with %i owners', (owners) => {
    const key = randomKey(3, 'gradient');
    const value = (i: number): number => (bitsAt(key, i) / 2 ** 31 - 1) * 2 ** (bitsAt(key, i) % 9);
    const whole = new Float32Array(slab.length);
    const dense = new Float32Array(layout.denseLength);
    for (const { from, to, at } of layout.dense)
      for (let i = from; i < to; i++) dense[at + i - from] = whole[i] = value(i);
    const tables = layout.tables.map((table) => {
      const ids = Int32Array.from(Array.from({ length: table.rows }, (_, i) => i).filter((i) => value(i) > 0.2));
      const rows = RowSet.withRoomFor(ids.length, table);
      const to = rows.resize(ids.length);
      to.ids.set(ids);
      ids.forEach((id, place) => {
        for (let i = 0; i < table.width; i++)
          to.values[place * table.width + i] = whole[table.from + id * table.width + i] = value(id + i);
      });
      return { table, rows };
    });
    const squares = new SlabSquares(adder);
    const expected = chunkSquares(whole, 0, numChunks(whole.length), adder);
    const found = shardChunks(numChunks(whole.length), owners).flatMap(({ from, to }) =>
      squares.of({ layout, dense, tables }, from * CHUNK, Math.min(to * CHUNK, whole.length)),
    );
    expect(found).toEqual([...expected]);
    expect(found.filter((sum) => sum === 0).length).toBeGreaterThan(0);
  });
});
