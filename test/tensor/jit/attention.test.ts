import { describe, expect, it } from 'vitest';
import type { AttentionSpec } from '../../../engine/tensor/jit/head-loop.js';
import { missing, runKernel } from './run-kernel.js';

/**
 * Sums of a few hundred products of numbers around 1, in 32 bits, with exponentials of up to 2 units in the last place
 * off.
 */
const TOLERANCE = 2e-5;

const waves = (length: number, speed: number): Float32Array =>
  Float32Array.from({ length }, (_, i) => Math.sin(i * speed + speed));

interface Sizes extends AttentionSpec {
  readonly mask?: Float32Array;
}

/** By its definition, in 64 bits: outputs and, for `dy`, gradients. */
function reference(
  { batch, queries, keys, heads, width, causal, mask }: Sizes,
  q: Float32Array,
  k: Float32Array,
  v: Float32Array,
  dy: Float32Array,
) {
  const stride = heads * width;
  const y = new Float64Array(q.length);
  const p = new Float64Array(batch * heads * queries * keys);
  const [dq, dk, dv] = [new Float64Array(q.length), new Float64Array(k.length), new Float64Array(v.length)];
  const alpha = 1 / Math.sqrt(width);
  const add = (to: Float64Array, i: number, value: number): void => void (to[i] = (to[i] as number) + value);
  for (let b = 0; b < batch; b++)
    for (let h = 0; h < heads; h++)
      for (let t = 0; t < queries; t++) {
        const at = (row: number, e: number, rows: number): number => (b * rows + row) * stride + h * width + e;
        const scores = Array.from({ length: keys }, (_, s) => {
          if (causal && s > t + keys - queries) return -Infinity;
          let sum = 0;
          for (let e = 0; e < width; e++) sum += (q[at(t, e, queries)] as number) * (k[at(s, e, keys)] as number);
          return sum * alpha + (mask === undefined ? 0 : ((mask[b * keys + s] as number) - 1) * 1e9);
        });
        const largest = Math.max(...scores);
        const total = scores.reduce((sum, score) => sum + Math.exp(score - largest), 0);
        const row = scores.map((score) => Math.exp(score - largest) / total);
        row.forEach((share, s) => {
          p[((b * heads + h) * queries + t) * keys + s] = share;
          for (let e = 0; e < width; e++) add(y, at(t, e, queries), share * (v[at(s, e, keys)] as number));
        });
        const slopes = row.map((_, s) => {
          let sum = 0;
          for (let e = 0; e < width; e++) sum += (dy[at(t, e, queries)] as number) * (v[at(s, e, keys)] as number);
          return sum;
        });
        const mean = row.reduce((sum, share, s) => sum + share * (slopes[s] as number), 0);
        row.forEach((share, s) => {
          const slope = share * ((slopes[s] as number) - mean) * alpha;
          for (let e = 0; e < width; e++) {
            add(dv, at(s, e, keys), share * (dy[at(t, e, queries)] as number));
            add(dq, at(t, e, queries), slope * (k[at(s, e, keys)] as number));
            add(dk, at(s, e, keys), slope * (q[at(t, e, queries)] as number));
          }
        });
      }
  return { y, p, dq, dk, dv };
}

function expectClose(actual: Float32Array | undefined, expected: Float64Array): void {
  expect(actual?.length).toBe(expected.length);
  let worst = 0;
  expected.forEach(
    (value, i) =>
      (worst = Math.max(worst, Number.isNaN(actual?.[i]) ? Infinity : Math.abs((actual?.[i] as number) - value))),
  );
  expect(worst).toBeLessThan(TOLERANCE);
}

const CASES: readonly Omit<AttentionSpec, 'hasMask'>[] = [
  { batch: 2, queries: 5, keys: 5, heads: 2, width: 4, causal: false },
  { batch: 1, queries: 16, keys: 16, heads: 1, width: 16, causal: true },
  { batch: 2, queries: 37, keys: 37, heads: 3, width: 20, causal: true },
  { batch: 1, queries: 33, keys: 70, heads: 2, width: 32, causal: false },
  { batch: 1, queries: 20, keys: 45, heads: 1, width: 8, causal: true },
  { batch: 2, queries: 100, keys: 100, heads: 2, width: 64, causal: true },
  { batch: 1, queries: 1, keys: 1, heads: 1, width: 1, causal: true },
  { batch: 1, queries: 196, keys: 196, heads: 1, width: 64, causal: false },
];

describe.skipIf(missing !== null)('attention in machine code', () => {
  for (const hasMask of [false, true])
    it.each(CASES)(
      `is attention and has its gradient, ${hasMask ? 'with' : 'without'} a mask, for $queries x $keys, ` +
        '$heads heads of $width, causal $causal',
      (shape) => {
        const { batch, queries, keys, heads, width } = shape;
        const stride = heads * width;
        const [q, k, v] = [
          waves(batch * queries * stride, 0.37),
          waves(batch * keys * stride, 0.53),
          waves(batch * keys * stride, 0.71),
        ];
        const dy = waves(batch * queries * stride, 0.91);
        // The last keys of the second sample do not count.
        const mask = Float32Array.from({ length: batch * keys }, (_, i) => (i >= keys && i % keys >= keys - 2 ? 0 : 1));
        const expected = reference({ ...shape, hasMask, ...(hasMask ? { mask } : {}) }, q, k, v, dy);
        const forward = runKernel({ kind: 'attention', ...shape, hasMask }, hasMask ? [q, k, v, mask] : [q, k, v], 1);
        expect(forward.isInBounds).toBe(true);
        const [y, p] = forward.outputs as [Float32Array, Float32Array];
        expectClose(y, expected.y);
        expectClose(p, expected.p);
        const backward = runKernel({ kind: 'attention gradient', ...shape, hasMask: false }, [dy, q, k, v, y, p]);
        expect(backward.isInBounds).toBe(true);
        [expected.dq, expected.dk, expected.dv].forEach((gradient, i) => expectClose(backward.outputs[i], gradient));
      },
    );

  it('gives no share to what comes later, exactly', () => {
    const shape = { batch: 1, queries: 40, keys: 40, heads: 1, width: 8, causal: true, hasMask: false };
    const [, p] = runKernel({ kind: 'attention', ...shape }, [waves(320, 0.3), waves(320, 0.4), waves(320, 0.5)])
      .outputs as [Float32Array, Float32Array];
    for (let t = 0; t < 40; t++) for (let s = t + 1; s < 40; s++) expect(Object.is(p[t * 40 + s], 0)).toBe(true);
  });

  it('gives a sample the same bits in any place of a batch', () => {
    const shape = { queries: 30, keys: 30, heads: 2, width: 12, causal: true, hasMask: false };
    const [q, k, v] = [waves(720, 0.3), waves(720, 0.4), waves(720, 0.5)];
    const twice = (x: Float32Array): Float32Array => Float32Array.of(...waves(720, 0.9), ...x);
    const [alone] = runKernel({ kind: 'attention', ...shape, batch: 1 }, [q, k, v]).outputs;
    const [both] = runKernel({ kind: 'attention', ...shape, batch: 2 }, [twice(q), twice(k), twice(v)], 5).outputs;
    expect(both?.slice(720)).toEqual(alone);
  });
});
