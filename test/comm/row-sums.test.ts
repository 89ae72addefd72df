import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { combine, decompose, type Range, TreeAccumulator } from '../../engine/comm/reduction.js';
import { type Rows, RowSet } from '../../engine/comm/row-set.js';
import { RowAdder } from '../../engine/comm/row-sums.js';
import { vectorLanes } from '../../engine/tensor/jit/cpu-features.js';
import { HostAdder, NativeAdder, type VectorAdder } from '../../engine/tensor/vector-adder.js';

/** Those in machine code only where they can run. */
const widest = vectorLanes() ?? 0;
const adders: readonly (readonly [string, VectorAdder])[] = [
  ['in JavaScript', new HostAdder()],
  ...([8, 16] as const)
    .filter((lanes) => lanes <= widest)
    .map((lanes) => [`of ${lanes} lanes`, new NativeAdder(lanes)] as const),
];

const TABLE = { rows: 12, width: 8 };
const SIZE = TABLE.rows * TABLE.width;

/** Numbers that show a lost sign, a changed payload or another order: most sums of two of them round. */
const number = fc.oneof(
  fc.float({ noNaN: false }),
  fc.constantFrom(0, -0, NaN, Infinity, -Infinity, 1e-45, -1e-45, 3.4e38, -3.4e38, 1 / 3),
);
const words = (data: Float32Array): number[] => [...new Uint32Array(data.buffer, data.byteOffset, data.length)];

/** The gradient of a micro-batch: some rows, in ascending order. */
const someRows = fc.uniqueArray(fc.nat(TABLE.rows - 1), { maxLength: TABLE.rows }).chain((ids) =>
  fc.record({
    ids: fc.constant(Int32Array.from(ids).sort()),
    values: fc
      .array(number, { minLength: ids.length * TABLE.width, maxLength: ids.length * TABLE.width })
      .map((values) => Float32Array.from(values)),
  }),
);

/** Micro-batches, and where the owners of [0, G) are cut. */
const work = fc.integer({ min: 1, max: 9 }).chain((G) =>
  fc.record({
    gradients: fc.array(someRows, { minLength: G, maxLength: G }),
    bounds: fc
      .uniqueArray(fc.integer({ min: 1, max: Math.max(1, G - 1) }), { maxLength: 3 })
      .map((cuts) => [0, ...cuts.filter((cut) => cut < G).sort((a, b) => a - b), G]),
  }),
);

function whole({ ids, values }: Rows): Float32Array {
  const table = new Float32Array(SIZE);
  ids.forEach((id, i) => table.set(values.subarray(i * TABLE.width, (i + 1) * TABLE.width), id * TABLE.width));
  return table;
}

function fill(set: RowSet, { ids, values }: Rows): void {
  const to = set.resize(ids.length);
  to.ids.set(ids);
  to.values.set(values);
}

/** Calls `commit` for every micro-batch of a range, and returns what is in the slots. */
function accumulated<Slot>(
  accumulator: TreeAccumulator<Slot>,
  put: (slot: Slot, micro: number) => void,
): { readonly node: ReturnType<typeof decompose>[number]; readonly slot: Slot }[] {
  const { G, start, count } = accumulator;
  for (let micro = start; micro < start + count; micro++) {
    put(accumulator.acquire(), micro);
    accumulator.commit(micro);
  }
  return decompose(start, count, G).map((node, k) => ({ node, slot: accumulator.slot(k) }));
}

const rangesOf = (bounds: readonly number[]): Range[] =>
  bounds.slice(1).map((to, i) => ({ from: bounds[i] as number, to }));

describe.each(adders)('sums of rows %s', (_, adder) => {
  it('are those of whole tables to the bit, for every split of the micro-batches over owners', () => {
    fc.assert(
      fc.property(work, ({ gradients, bounds }) => {
        const G = gradients.length;
        const rowAdder = new RowAdder(adder);
        const dense = rangesOf(bounds).flatMap(({ from, to }) => {
          const sums = new TreeAccumulator(
            G,
            from,
            to - from,
            () => new Float32Array(SIZE),
            (left, right) => adder.add(left, left, right),
          );
          return accumulated(sums, (slot, micro) => slot.set(whole(gradients[micro] as Rows)));
        });
        const sparse = rangesOf(bounds).flatMap(({ from, to }) => {
          const sums = new TreeAccumulator(
            G,
            from,
            to - from,
            () => RowSet.withRoomFor(TABLE.rows, TABLE),
            (left, right) => rowAdder.addInto(left, right.all),
          );
          return accumulated(sums, (slot, micro) => fill(slot, gradients[micro] as Rows));
        });
        sparse.forEach(({ slot }, k) =>
          expect(words(whole(slot.all))).toEqual(words(dense[k]?.slot ?? new Float32Array(0))),
        );
        const expected = new Float32Array(SIZE);
        combine(
          dense.map(({ node, slot }) => ({ node, data: slot })),
          G,
          { from: 0, to: SIZE },
          expected,
          0,
          adder,
        );
        // Two owners of parts of the table, the second with the row in which they are cut.
        const out = [RowSet.withRoomFor(TABLE.rows, TABLE), RowSet.withRoomFor(TABLE.rows, TABLE)] as const;
        [
          [0, 5],
          [5, TABLE.rows],
        ].forEach(([from = 0, to = 0], i) =>
          rowAdder.combine(
            sparse.map(({ node, slot }) => ({ node, rows: slot.between(from, to) })),
            G,
            out[i] as RowSet,
          ),
        );
        const sum = whole(out[0].all);
        sum.set(whole(out[1].all).subarray(5 * TABLE.width), 5 * TABLE.width);
        expect(words(sum)).toEqual(words(expected));
        expect([...out[0].all.ids, ...out[1].all.ids]).toEqual(
          [...new Set(gradients.flatMap(({ ids }) => [...ids]))].sort((a, b) => a - b),
        );
      }),
      { numRuns: 150 },
    );
  });

  it('take rows of one index in the order of the indices, onto +0', () => {
    fc.assert(
      fc.property(
        fc.array(fc.nat(TABLE.rows - 1), { minLength: 1, maxLength: 20 }).chain((indices) =>
          fc.record({
            indices: fc.constant(Int32Array.from(indices)),
            values: fc.array(number, {
              minLength: indices.length * TABLE.width,
              maxLength: indices.length * TABLE.width,
            }),
          }),
        ),
        ({ indices, values }) => {
          const given = Float32Array.from(values);
          const expected = new Float32Array(SIZE);
          indices.forEach((id, i) => {
            const row = expected.subarray(id * TABLE.width, (id + 1) * TABLE.width);
            adder.add(row, row, given.subarray(i * TABLE.width, (i + 1) * TABLE.width));
          });
          const set = RowSet.withRoomFor(TABLE.rows, TABLE);
          new RowAdder(adder).gather(set, indices, given);
          expect(words(whole(set.all))).toEqual(words(expected));
          expect([...set.all.ids]).toEqual([...new Set(indices)].sort((a, b) => a - b));
        },
      ),
    );
  });

  it('refuse a row that the table does not have, and rows outside of an array', () => {
    const set = RowSet.withRoomFor(2, TABLE);
    const adding = new RowAdder(adder);
    expect(() => adding.gather(set, Int32Array.of(3, TABLE.rows), new Float32Array(16))).toThrow('rows 3 to 12');
    expect(() => adding.gather(set, Int32Array.of(-1, 3), new Float32Array(16))).toThrow('rows -1 to 3');
    expect(() => adding.gather(set, Int32Array.of(1, 2, 3), new Float32Array(24))).toThrow('3 rows for room of 2');
    expect(() => adding.gather(set, Int32Array.of(1, 2), new Float32Array(8))).toThrow('sums of rows outside');
  });
});

it('a row set is as large as it says, and is found again in the memory of another', () => {
  const memory = new Float32Array(RowSet.size(3, TABLE.width));
  const set = new RowSet(memory, TABLE, 3);
  fill(set, { ids: Int32Array.of(2, 7, 11), values: Float32Array.from({ length: 24 }, (_, i) => i) });
  const other = new RowSet(memory, TABLE, 3);
  expect([...other.between(3, 11).ids]).toEqual([7]);
  expect([...other.between(3, 12).values]).toEqual([...Array(16).keys()].map((i) => i + 8));
  expect(() => other.resize(4)).toThrow('4 rows for room of 3');
  new Int32Array(memory.buffer)[0] = 4;
  expect(() => other.all).toThrow('4 rows in room for 3');
});
