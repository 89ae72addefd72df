import { describe, expect, it } from 'vitest';
import type { HalfWay } from '../../../engine/tensor/jit/cpu-features.js';
import type { AttentionSpec } from '../../../engine/tensor/jit/head-loop.js';
import { narrowed, widened } from './halves.js';
import { missingForWay, runKernel } from './run-kernel.js';

/** Sums of up to a few hundred products of numbers around 1, in 32 bits, with exponentials off by 2 units. */
const FLOAT_ERROR = 2e-5;
/** Half of a unit in the last place of bfloat16, which has 8 bits of mantissa, relative. */
const HALF_ERROR = 2 ** -8 * 1.01;

const waves = (length: number, speed: number): Float32Array =>
  widened(narrowed(Float32Array.from({ length }, (_, i) => Math.sin(i * speed + speed))));

const add = (to: Float64Array, i: number, value: number): void => void (to[i] = (to[i] as number) + value);

/** All rows of scores: query t of head h of sample b. */
const rowsOf = ({ batch, queries, heads }: AttentionSpec) =>
  Array.from({ length: batch * heads * queries }, (_, row) => ({
    row,
    b: Math.floor(row / queries / heads),
    h: Math.floor(row / queries) % heads,
    t: row % queries,
  }));

type Arrays = Readonly<Record<'q' | 'k' | 'v' | 'dy', Float32Array>>;

/** The softmax by its definition in 64 bits. */
function shares(spec: AttentionSpec, { q, k }: Arrays, mask: Float32Array) {
  const { batch, queries, keys, heads, width, causal } = spec;
  const stride = heads * width;
  const p = new Float64Array(batch * heads * queries * keys);
  for (const { row, b, h, t } of rowsOf(spec)) {
    const scores = Array.from({ length: keys }, (_, s) => {
      if (causal && s > t + keys - queries) return -Infinity;
      let sum = 0;
      for (let e = h * width; e < (h + 1) * width; e++)
        sum += (q[(b * queries + t) * stride + e] as number) * (k[(b * keys + s) * stride + e] as number);
      return sum / Math.sqrt(width) + ((mask[b * keys + s] as number) - 1) * 1e9;
    });
    const largest = Math.max(...scores);
    const terms = scores.map((score) => Math.exp(score - largest));
    const total = terms.reduce((sum, term) => sum + term, 0);
    terms.forEach((term, s) => (p[row * keys + s] = term / total));
  }
  return p;
}

/**
 * Output and gradients in 64 bits for given probabilities, and by how much those may be off whose slopes of the scores
 * are rounded to bfloat16.
 */
function definition(spec: AttentionSpec, { q, k, v, dy }: Arrays, p: Float32Array, given: Float32Array) {
  const { queries, keys, heads, width } = spec;
  const stride = heads * width;
  const [y, dq, offQ] = [new Float64Array(q.length), new Float64Array(q.length), new Float64Array(q.length)];
  const [dk, dv, offK] = [new Float64Array(k.length), new Float64Array(k.length), new Float64Array(k.length)];
  for (const { row, b, h, t } of rowsOf(spec)) {
    const query = (b * queries + t) * stride + h * width;
    let level = 0;
    for (let e = query; e < query + width; e++) level += (dy[e] as number) * (given[e] as number);
    for (let s = 0; s < keys; s++) {
      const share = p[row * keys + s] as number;
      const key = (b * keys + s) * stride + h * width;
      let slope = -level;
      for (let e = 0; e < width; e++) slope += (dy[query + e] as number) * (v[key + e] as number);
      slope *= share / Math.sqrt(width);
      const off = HALF_ERROR * Math.abs(slope) + FLOAT_ERROR * share;
      for (let e = 0; e < width; e++) {
        add(y, query + e, share * (v[key + e] as number));
        add(dv, key + e, share * (dy[query + e] as number));
        add(dq, query + e, slope * (k[key + e] as number));
        add(dk, key + e, slope * (q[query + e] as number));
        add(offQ, query + e, off * Math.abs(k[key + e] as number));
        add(offK, key + e, off * Math.abs(q[query + e] as number));
      }
    }
  }
  return { y, dq, dk, dv, offQ, offK };
}

function expectWithin(actual: Float32Array, expected: Float64Array, bound: (i: number) => number): void {
  expect(actual.length).toBe(expected.length);
  const wrong = Array.from(expected.keys()).filter(
    (i) => !(Math.abs((actual[i] ?? 0) - (expected[i] ?? 0)) <= bound(i)),
  );
  expect(wrong).toEqual([]);
}

const CASES: readonly Omit<AttentionSpec, 'hasMask'>[] = [
  { batch: 2, queries: 5, keys: 5, heads: 2, width: 4, causal: false },
  { batch: 2, queries: 37, keys: 37, heads: 3, width: 20, causal: true },
  { batch: 1, queries: 33, keys: 70, heads: 2, width: 32, causal: false },
  { batch: 1, queries: 20, keys: 45, heads: 1, width: 7, causal: true },
  { batch: 1, queries: 64, keys: 64, heads: 2, width: 64, causal: true },
  { batch: 1, queries: 1, keys: 1, heads: 1, width: 1, causal: true },
];

const WAYS: readonly HalfWay[] = ['tiles', 'pairs', 'widened'];
for (const way of WAYS) {
  const lacks = missingForWay(way);
  if (lacks !== null) console.warn(`the tests of attention in bfloat16 by ${way} are skipped: ${lacks}`);
  describe.skipIf(lacks !== null)(`attention in bfloat16 by ${way}`, () => {
    for (const hasMask of [false, true])
      it.each(CASES)(
        `is attention and has its gradient, ${hasMask ? 'with' : 'without'} a mask, for $queries x $keys, ` +
          '$heads heads of $width, causal $causal',
        (shape) => {
          const { batch, queries, keys, heads, width } = shape;
          const [from, to] = [batch * queries * heads * width, batch * keys * heads * width];
          const arrays = { q: waves(from, 0.37), k: waves(to, 0.53), v: waves(to, 0.71), dy: waves(from, 0.91) };
          const [q, k, v, dy] = [arrays.q, arrays.k, arrays.v, arrays.dy].map(narrowed) as [
            Uint16Array,
            Uint16Array,
            Uint16Array,
            Uint16Array,
          ];
          // The last keys of the second sample do not count.
          const mask = Float32Array.from({ length: batch * keys }, (_, i) =>
            hasMask && i >= keys && i % keys >= keys - 2 ? 0 : 1,
          );
          const spec = { ...shape, hasMask };
          const forward = (isRounded: boolean, threads = 1) =>
            runKernel<Float32Array | Uint16Array>(
              { kind: 'half attention', ...spec, rounds: [isRounded] },
              hasMask ? [q, k, v, mask] : [q, k, v],
              1,
              threads,
              way,
            );
          const { outputs, isInBounds } = forward(false);
          expect(isInBounds).toBe(true);
          const [y, p] = outputs as [Float32Array, Uint16Array];
          const probabilities = widened(p);
          const exact = shares(spec, arrays, mask);
          expectWithin(probabilities, exact, (i) => HALF_ERROR * (exact[i] ?? 0) + FLOAT_ERROR);
          const rounded = forward(true, 2).outputs as [Uint16Array, Uint16Array];
          expect(rounded).toEqual([narrowed(y), p]);
          const expected = definition(spec, arrays, probabilities, widened(rounded[0]));
          expectWithin(y, expected.y, () => FLOAT_ERROR);

          const gradients = (rounds: readonly boolean[], threads = 1) =>
            runKernel<Float32Array | Uint16Array>(
              { kind: 'half attention gradient', ...spec, hasMask: false, rounds },
              [dy, q, k, v, rounded[0], p],
              1,
              threads,
              way,
            );
          const backward = gradients([false, false, false]);
          expect(backward.isInBounds).toBe(true);
          const [dq, dk, dv] = backward.outputs as [Float32Array, Float32Array, Float32Array];
          expectWithin(dv, expected.dv, () => FLOAT_ERROR);
          expectWithin(dq, expected.dq, (i) => (expected.offQ[i] ?? 0) + FLOAT_ERROR);
          expectWithin(dk, expected.dk, (i) => (expected.offK[i] ?? 0) + FLOAT_ERROR);
          expect(gradients([true, false, true], 2).outputs).toEqual([narrowed(dq), dk, narrowed(dv)]);
        },
      );
  });
}
