// The gradients that are added to those of TensorFlow.js, against central differences on its own cpu backend.
import { describe, expect, it } from 'vitest';
import * as tf from '../../engine/tensor/tf.js';
import { floats, type Input, onBackend } from './parity.js';

type T = tf.Tensor;

/** Slopes of sum(dy * body) in every element of every input, by central differences. */
function differences(inputs: readonly Input[], body: (...x: readonly T[]) => T): number[][] {
  const h = 1e-2;
  const at = (which: number, index: number, delta: number): Float32Array => {
    const moved = inputs.map((input, k) =>
      k === which ? { ...input, data: input.data.map((x, i) => (i === index ? x + delta : x)) as Float32Array } : input,
    );
    return onBackend('cpu', moved, [], body).value as Float32Array;
  };
  const dy = (n: number): Float32Array => floats('dy', [n]).data as Float32Array;
  return inputs.map((input, k) =>
    Array.from(input.data, (_, i) => {
      const [up, down] = [at(k, i, h), at(k, i, -h)];
      return up.reduce((sum, y, j) => sum + (dy(up.length)[j] as number) * (y - (down[j] as number)), 0) / (2 * h);
    }),
  );
}

const spread = (x: number): number => x * 2; // far apart, so that a step of h crosses no kink
const shapes = [
  [
    [2, 3],
    [2, 3],
  ],
  [[2, 3], [3]],
  [
    [3, 1],
    [2, 1, 4],
  ],
  [[4], []],
] as const;
const products = [
  [[2, 3, 4], [4, 5], false, false],
  [[2, 3, 4], [5, 4], false, true],
  [[2, 4, 3], [4, 5], true, false],
  [[2, 4, 3], [5, 4], true, true],
  // Batch axes broadcast from one side only: the cpu backend multiplies the wrong samples when each side lacks another
  // axis.
  [[2, 3, 3, 4], [3, 4, 2], false, false],
  [[1, 3, 4], [2, 4, 5], false, false],
  [[3, 4], [2, 4, 5], false, false],
  [[4, 3], [5, 4], true, true],
] as const;

describe('an added gradient equals central differences', () => {
  const check = (inputs: readonly Input[], body: (...x: readonly T[]) => T): void => {
    const expected = differences(inputs, body);
    const { gradients } = onBackend(
      'cpu',
      inputs,
      inputs.map((_, i) => i),
      body,
    );
    // Rounding of the function values (6e-8 times about 10) over a step of 2e-2, for up to 30 terms.
    expected.forEach((slopes, k) =>
      slopes.forEach((slope, i) => expect(gradients[k]?.[i], `input ${k}, element ${i}`).toBeCloseTo(slope, 2.5)),
    );
  };

  it.each(shapes)('maximum, minimum, squaredDifference of %j and %j', (a, b) => {
    const inputs = [floats('left', a, spread), floats('right', b, spread)];
    for (const op of [tf.maximum, tf.minimum, tf.squaredDifference]) check(inputs, (x, y) => op(x as T, y as T));
  });

  it.each(products)('matMul of %j and %j, transposed %s and %s', (a, b, ta, tb) => {
    check([floats('a', a), floats('b', b)], (x, y) => tf.matMul(x as T, y as T, ta, tb));
  });

  // Axes that are summed and belong to one operand alone are in ops-parity.test.ts: the cpu backend forgets the other
  // operand there.
  it.each([
    ['ij,jk->ik', [3, 4], [4, 2]],
    ['bij,bkj->bik', [2, 3, 4], [2, 2, 4]],
    ['i,j->ji', [3], [2]],
  ] as const)('einsum of %s', (equation, a, b) => {
    check([floats('a', a), floats('b', b)], (x, y) => tf.einsum(equation, x as T, y as T));
  });

  it('einsum of one operand, summed and transposed', () => {
    check([floats('a', [2, 3, 4])], (x) => tf.einsum('abc->ca', x as T));
  });

  it('where under a comparison, with zero slope through the condition', () => {
    check([floats('left', [6], spread), floats('right', [6], spread)], (x, y) =>
      tf.where(
        tf.logicalOr(tf.greater(x as T, y as T), tf.notEqual(x as T, x as T)),
        tf.mul(x as T, 2),
        tf.square(y as T),
      ),
    );
  });
});
