// Every op of the table against TensorFlow.js' own cpu backend, values and gradients; and eager against traced, bit for
// bit.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { registerEager } from '../../engine/tensor/eager.js';
import type { Executor } from '../../engine/tensor/executor.js';
import { openExecutor } from '../../engine/tensor/open-executor.js';
import { opTable } from '../../engine/tensor/ops/table.js';
import * as tf from '../../engine/tensor/tf.js';
import { ROUNDING } from './op-case.js';
import { namedOpCases, opCases } from './op-cases.js';
import { floats, onBackend, traced, worstError } from './parity.js';

describe('each op', () => {
  let executor: Executor;
  let unregister: () => void;
  beforeAll(() => {
    executor = openExecutor({ threads: 1 });
    unregister = registerEager(executor);
  });
  afterAll(() => {
    unregister();
    executor.close();
  });

  it.each(namedOpCases)('%s', (_, { inputs, body, wrt = [], tolerance = ROUNDING }) => {
    const reference = onBackend('cpu', inputs, wrt, body);
    const eager = onBackend('pipetrain-ort', inputs, wrt, body);
    const whole = traced(executor, inputs, wrt, body);
    expect(worstError(eager.value, reference.value)).toBeLessThanOrEqual(tolerance);
    wrt.forEach((_x, i) =>
      expect(
        worstError(eager.gradients[i] as Float32Array, reference.gradients[i] as Float32Array),
        `gradient ${i}`,
      ).toBeLessThanOrEqual(tolerance),
    );
    expect(whole.value).toEqual(eager.value);
    expect(whole.gradients).toEqual(eager.gradients);
  });

  // The cpu backend leaves out an operand that lacks the axis it sums last, so the reference is the same thing in other
  // ops.
  it.each([
    ['bij,j->ji', [2, 3, 4], [4], (a: tf.Tensor, b: tf.Tensor) => tf.transpose(tf.mul(tf.sum(a, 0), b))],
    ['bij,j->b', [2, 3, 4], [4], (a: tf.Tensor, b: tf.Tensor) => tf.sum(tf.mul(a, b), [1, 2])],
    ['ij,k->i', [3, 4], [5], (a: tf.Tensor, b: tf.Tensor) => tf.mul(tf.sum(a, 1), tf.sum(b))],
  ] as const)('einsum of %s, where an axis that is summed belongs to one operand alone', (equation, a, b, composed) => {
    const inputs = [floats('a', a), floats('b', b)];
    const einsum = onBackend('pipetrain-ort', inputs, [0, 1], (x, y) =>
      tf.einsum(equation, x as tf.Tensor, y as tf.Tensor),
    );
    const reference = onBackend('cpu', inputs, [0, 1], (x, y) => composed(x as tf.Tensor, y as tf.Tensor));
    expect(worstError(einsum.value, reference.value)).toBeLessThanOrEqual(ROUNDING);
    einsum.gradients.forEach((gradient, i) =>
      expect(worstError(gradient, reference.gradients[i] as Float32Array), `gradient ${i}`).toBeLessThanOrEqual(
        ROUNDING,
      ),
    );
  });

  it('is covered by a case, unless it has tests of its own', () => {
    // never produced by this version of TensorFlow.js; kept for its kernels that newer ones call
    const elsewhere = ['AddV2', 'BroadcastTo'];
    const covered = new Set([...opCases.map(({ op }) => op), ...elsewhere]);
    expect([...opTable.keys()].filter((op) => !op.startsWith('Pt') && !covered.has(op))).toEqual([]);
  });
});
