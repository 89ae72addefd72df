// Shampoo's rule: the steps of the literature, roots of matrices, tiles, and states that begin anew.
import { expect, it } from 'vitest';
import { normalAt, randomKey } from '../../engine/core/random.js';
import { shampooRule } from '../../engine/tensor/optimizers/shampoo.js';
import { inverseFourthRoot } from '../../engine/tensor/symmetric-root.js';
import type { TensorRule } from '../../engine/tensor/tensor-rule.js';

const SETTINGS = { epsilon: 1e-4, weightDecay: 0 };
const statesOf = (rule: TensorRule, shape: readonly number[]): Float32Array[] =>
  rule.stateSizes(shape).map((size) => new Float32Array(size));
const random = (purpose: string, n: number): Float32Array => {
  const key = randomKey(1, purpose);
  return Float32Array.from({ length: n }, (_, i) => normalAt(key, i));
};

it('takes the steps of the literature', () => {
  const rule = shampooRule(SETTINGS, { interval: 1, grafts: false });
  const shape = [2, 3];
  const weights = Float32Array.of(1, -2, 0.5, 0.25, 3, -1);
  const states = statesOf(rule, shape);
  const gradients = [
    [0.1, -0.2, 0.3, 0.4, 0.5, -0.6],
    [-0.3, 0.1, 0.2, 0, -0.5, 0.1],
  ];
  for (const [i, gradient] of gradients.entries())
    rule.update(
      { shape, weights, gradient: Float32Array.from(gradient), states },
      { learningRate: 0.1, gradientScale: 1, updateCount: i + 1 },
      true,
    );
  const expected = [0.985248094, -1.987979374, 0.408208376, 0.189353664, 3.010068843, -0.945424888];
  // The sums are kept in 32 bits, beside which the smallest eigenvalue, 1e-4, has three digits fewer.
  for (const [i, value] of expected.entries()) expect(weights[i]).toBeCloseTo(value, 5);
});

it('finds the inverse fourth root of a matrix', () => {
  const n = 20;
  const x = random('root', n * n);
  const square = Float32Array.from({ length: n * n }, (_, i) =>
    Array.from({ length: n }, (_k, k) => (x[Math.floor(i / n) * n + k] ?? 0) * (x[(i % n) * n + k] ?? 0)).reduce(
      (sum, one) => sum + one,
    ),
  );
  const root = inverseFourthRoot(square, n, 1);
  const times = (a: ArrayLike<number>, b: ArrayLike<number>): number[] =>
    Array.from({ length: n * n }, (_, i) =>
      Array.from(
        { length: n },
        (_k, k) => (a[Math.floor(i / n) * n + k] as number) * (b[k * n + (i % n)] as number),
      ).reduce((sum, one) => sum + one),
    );
  const half = times(root, root);
  const shifted = Array.from(square, (value, i) => value + (i % (n + 1) === 0 ? 1 : 0));
  // root^4 (S + I) is the identity; products of 20 terms in 64 bits.
  for (const [i, value] of times(times(half, half), shifted).entries())
    expect(value).toBeCloseTo(i % (n + 1) === 0 ? 1 : 0, 9);
});

it('cuts what is large into tiles, and is AdaGrad for a vector', () => {
  const rule = shampooRule(SETTINGS, { interval: 50, grafts: true });
  expect(rule.stateSizes([300, 2])).toEqual([600, 256 ** 2 + 4 + 44 ** 2 + 4, 256 ** 2 + 4 + 44 ** 2 + 4]);
  expect(rule.stateSizes([300])).toEqual([300, 0, 0]);
});

it('makes roots where its states are new, at whatever step that is', () => {
  const rule = shampooRule(SETTINGS, { interval: 50, grafts: true });
  const shape = [4, 3];
  const weights = random('weights', 12);
  const before = weights.slice();
  const settings = { learningRate: 0.1, gradientScale: 1, updateCount: 7 };
  rule.update({ shape, weights, gradient: random('gradient', 12), states: statesOf(rule, shape) }, settings, true);
  const moved = Math.sqrt(weights.reduce((sum, value, i) => sum + (value - (before[i] as number)) ** 2, 0));
  // As far as AdaGrad's first step, which moves each weight by the learning rate; 32 bits of weights about 1.
  expect(moved).toBeCloseTo(0.1 * Math.sqrt(12), 5);
});
