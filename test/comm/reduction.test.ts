import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  combine,
  coverOf,
  decompose,
  rootLevel,
  slotCount,
  type Subtotal,
  TreeAccumulator,
} from '../../engine/comm/reduction.js';
import { bitsAt, randomKey } from '../../engine/core/random.js';
import { vectorLanes } from '../../engine/tensor/jit/cpu-features.js';
import { HostAdder, NativeAdder } from '../../engine/tensor/vector-adder.js';

/** Those in machine code only where they can run. */
const widest = vectorLanes() ?? 0;
const adders = [
  new HostAdder(),
  ...([8, 16] as const).filter((lanes) => lanes <= widest).map((lanes) => new NativeAdder(lanes)),
];

/** Odd and longer than a tile (4096), so that tails of tiles and of unrolled loops are covered. */
const LENGTH = 4096 + 37;

/**
 * Gradients with exponents over 60 powers of two: nearly every addition rounds, so any other order of additions shows.
 */
function gradient(seed: number, micro: number, length = LENGTH): Float32Array {
  const key = randomKey(seed, 'gradient', micro);
  return Float32Array.from({ length }, (_, i) => {
    const bits = bitsAt(key, i);
    return ((bits & 0xffffff) / 2 ** 23 - 1) * 2 ** (((bits >>> 24) % 60) - 30);
  });
}

/** The definition, word for word. */
function reference(gradients: readonly Float32Array[], level: number, index: number): Float32Array {
  if (level === 0) return gradients[index] as Float32Array;
  const left = reference(gradients, level - 1, 2 * index);
  if ((2 * index + 1) * 2 ** (level - 1) >= gradients.length) return left;
  const right = reference(gradients, level - 1, 2 * index + 1);
  return left.map((x, i) => Math.fround(x + (right[i] as number)));
}

const words = (data: Float32Array): Uint32Array => new Uint32Array(data.buffer, data.byteOffset, data.length);

const adder = new HostAdder();
const accumulatorOf = (
  G: number,
  start: number,
  count: number,
  slots: (index: number) => Float32Array,
): TreeAccumulator<Float32Array> =>
  new TreeAccumulator(G, start, count, slots, (left, right) => adder.add(left, left, right));

function push(accumulator: TreeAccumulator<Float32Array>, micro: number, value: number): void {
  accumulator.acquire()[0] = value;
  accumulator.commit(micro);
}

/** The nodes of a full accumulator: node k of the split is in slot k. */
const subtotalsOf = (accumulator: TreeAccumulator<Float32Array>): Subtotal[] => {
  const { start, count, G } = accumulator;
  return decompose(start, count, G).map((node, k) => ({ node, data: accumulator.slot(k) }));
};

const accumulate = (gradients: readonly Float32Array[], start: number, count: number): Subtotal[] => {
  const accumulator = accumulatorOf(gradients.length, start, count, () => new Float32Array(LENGTH));
  for (let micro = start; micro < start + count; micro++) {
    accumulator.acquire().set(gradients[micro] as Float32Array);
    accumulator.commit(micro);
  }
  return subtotalsOf(accumulator);
};

/** G and a split of [0, G) into consecutive, non-empty ranges. */
const split = fc.integer({ min: 1, max: 64 }).chain((G) =>
  fc.uniqueArray(fc.integer({ min: 1, max: Math.max(1, G - 1) }), { maxLength: 8 }).map((cuts) => {
    const bounds = [0, ...cuts.filter((cut) => cut < G).sort((a, b) => a - b), G];
    return {
      G,
      ranges: bounds.slice(1).map((to, i) => ({ start: bounds[i] as number, count: to - (bounds[i] as number) })),
    };
  }),
);

describe('the tree', () => {
  it('is covered by the canonical nodes of any range, in order, without gap or overlap', () => {
    fc.assert(
      fc.property(split, ({ G, ranges }) => {
        let next = 0;
        for (const node of ranges.flatMap(({ start, count }) => decompose(start, count, G))) {
          expect(coverOf(node, G).from).toBe(next);
          next = coverOf(node, G).to;
        }
        expect(next).toBe(G);
      }),
    );
  });

  it.each([
    [0, 8, 8, [[3, 0]]],
    [0, 4, 8, [[2, 0]]],
    [4, 4, 8, [[2, 1]]],
    [0, 6, 6, [[3, 0]]],
    [4, 2, 6, [[2, 1]]],
    [4, 1, 5, [[2, 1]]],
    [
      1,
      6,
      8,
      [
        [0, 1],
        [1, 1],
        [1, 2],
        [0, 6],
      ],
    ],
    [0, 1, 1, [[0, 0]]],
    [
      2,
      3,
      5,
      [
        [1, 1],
        [2, 1],
      ],
    ],
  ])('splits [%i, +%i) of %i into %j', (start, count, G, nodes) => {
    expect(decompose(start, count, G).map(({ level, index }) => [level, index])).toEqual(nodes);
  });

  it('has no nodes for micro-batches past its end', () => {
    expect(() => decompose(6, 3, 8)).toThrow('[6, 9)');
  });
});

describe('sums of gradients', () => {
  it('have the same bits for every split of the micro-batches over owners, those of the definition', () => {
    fc.assert(
      fc.property(split, fc.nat(), ({ G, ranges }, seed) => {
        const gradients = Array.from({ length: G }, (_, micro) => gradient(seed, micro));
        const expected = words(reference(gradients, rootLevel(G), 0));
        const one = accumulate(gradients, 0, G);
        expect(one).toHaveLength(1);
        expect(words((one[0] as Subtotal).data)).toEqual(expected);
        const subtotals = ranges.flatMap(({ start, count }) => accumulate(gradients, start, count));
        const out = new Float32Array(LENGTH);
        combine(subtotals, G, { from: 0, to: LENGTH }, out);
        expect(words(out)).toEqual(expected);
      }),
      { numRuns: 40 },
    );
  });

  it('differ in bits from sums in another order, so the comparison above can fail', () => {
    const gradients = Array.from({ length: 8 }, (_, micro) => gradient(1, micro));
    const chained = gradients.reduce((sum, g) => sum.map((x, i) => Math.fround(x + (g[i] as number))));
    expect(words(chained)).not.toEqual(words(reference(gradients, 3, 0)));
  });

  it('come in shards that fit together, into a buffer of one of the owners too', () => {
    const G = 6;
    const gradients = Array.from({ length: G }, (_, micro) => gradient(2, micro));
    const expected = words(reference(gradients, rootLevel(G), 0));
    const subtotals = [...accumulate(gradients, 0, 1), ...accumulate(gradients, 1, 4), ...accumulate(gradients, 5, 1)];
    const own = (subtotals[0] as Subtotal).data;
    const cut = 1031;
    const upper = new Float32Array(LENGTH - cut);
    combine(subtotals, G, { from: cut, to: LENGTH }, upper, 0);
    combine(subtotals, G, { from: 0, to: cut }, own);
    expect(words(own.subarray(0, cut))).toEqual(expected.subarray(0, cut));
    expect(words(upper)).toEqual(expected.subarray(cut));
  });

  it('of one owner are copied as they are', () => {
    const data = gradient(3, 0);
    const out = new Float32Array(LENGTH);
    combine([{ node: { level: 2, index: 0 }, data }], 4, { from: 5, to: LENGTH }, out);
    expect(words(out.subarray(5))).toEqual(words(data.subarray(5)));
    expect(out.subarray(0, 5)).toEqual(new Float32Array(5));
  });

  it('are refused where a node is missing', () => {
    const data = new Float32Array(4);
    expect(() => combine([{ node: { level: 1, index: 0 }, data }], 4, { from: 0, to: 4 }, data)).toThrow(
      'do not cover 4 micro-batches',
    );
    expect(() => combine([{ node: { level: 0, index: 0 }, data }], 1, { from: 0, to: 5 }, data)).toThrow(
      'elements [0, 5) of a node of 4',
    );
  });

  it('are rounded like float32 additions by every adder, with and without a tail', () => {
    for (const length of [0, 1, 3, 4, 5, 8, 11, 16, 37, 1000]) {
      const [a, b] = [gradient(4, 0, length), gradient(4, 1, length)];
      const expected = a.map((x, i) => Math.fround(x + (b[i] as number)));
      for (const adder of adders) {
        const out = new Float32Array(length);
        adder.add(out, a, b);
        expect(out).toEqual(expected);
        const inPlace = a.slice();
        adder.add(inPlace, inPlace, b);
        expect(inPlace).toEqual(expected);
      }
    }
  });

  it('have the same sums of squares from every adder: eight sums side by side, in float64', () => {
    for (const length of [0, 1, 3, 7, 8, 9, 16, 37, 1000]) {
      const data = gradient(4, 0, length + 1).subarray(1);
      const lanes = Array.from({ length: 8 }, (_, lane) =>
        data.reduce((sum, x, i) => (i % 8 === lane ? sum + x * x : sum), 0),
      );
      const [s0, s1, s2, s3, s4, s5, s6, s7] = lanes as [
        number,
        number,
        number,
        number,
        number,
        number,
        number,
        number,
      ];
      for (const adder of adders) expect(adder.sumOfSquares(data)).toBe(s0 + s4 + (s2 + s6) + (s1 + s5 + (s3 + s7)));
    }
    for (const adder of adders) {
      expect(adder.sumOfSquares(Float32Array.of(1, NaN))).toBeNaN();
      expect(adder.sumOfSquares(Float32Array.of(1, Infinity))).toBe(Infinity);
    }
  });
});

describe('TreeAccumulator', () => {
  it('asks for exactly as many buffers as announced, and leaves node k in slot k', () => {
    fc.assert(
      fc.property(split, ({ G, ranges }) => {
        for (const { start, count } of ranges) {
          const asked: Float32Array[] = [];
          const accumulator = accumulatorOf(G, start, count, (index) => (asked[index] = new Float32Array(1)));
          for (let micro = start; micro < start + count; micro++) push(accumulator, micro, 1);
          expect(asked).toHaveLength(slotCount(start, count, G));
          for (const [k, { node, data }] of subtotalsOf(accumulator).entries()) {
            expect(data).toBe(asked[k]);
            const { from, to } = coverOf(node, G);
            expect(data[0]).toBe(to - from);
          }
        }
      }),
    );
  });

  it('needs log2(count) + 1 buffers for an aligned range', () => {
    expect([1, 2, 4, 8, 16, 32].map((count) => slotCount(count, count, 64))).toEqual([1, 2, 3, 4, 5, 6]);
  });

  it('refuses a micro-batch out of order, and one too many', () => {
    const accumulator = accumulatorOf(4, 2, 2, () => new Float32Array(1));
    push(accumulator, 2, 1);
    expect(() => accumulator.commit(2)).toThrow('micro-batch 2 comes where 3');
    expect(accumulator.isComplete).toBe(false);
    push(accumulator, 3, 1);
    expect(() => accumulator.acquire()).toThrow('all 2 micro-batches have come');
  });

  it('starts over with the same buffers', () => {
    const accumulator = accumulatorOf(4, 0, 4, () => new Float32Array(1));
    for (const value of [1, 2]) {
      for (let micro = 0; micro < 4; micro++) push(accumulator, micro, value);
      expect(accumulator.slot(0)[0]).toBe(4 * value);
      accumulator.reset();
    }
  });
});
