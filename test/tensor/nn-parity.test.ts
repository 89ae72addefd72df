// The fused ops against their plain TensorFlow.js compositions on TensorFlow.js' own cpu backend, values and gradients;
// and eager against traced, bit for bit.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { registerEager } from '../../engine/tensor/eager.js';
import type { Executor } from '../../engine/tensor/executor.js';
import * as nn from '../../engine/tensor/nn.js';
import { openExecutor } from '../../engine/tensor/open-executor.js';
import * as tf from '../../engine/tensor/tf.js';
import { NN_ROUNDING, nnCases, qkv } from './nn-cases.js';
import { floats, type Input, ints, onBackend, traced, worstError } from './parity.js';

type T = tf.Tensor;

describe('each fused op equals its composition', () => {
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

  it.each(nnCases.map((c) => [c.name, c] as const))(
    '%s',
    (_, { inputs, wrt, fused, plain, tolerance = NN_ROUNDING }) => {
      const reference = onBackend('cpu', inputs, wrt, plain);
      const eager = onBackend('pipetrain-ort', inputs, wrt, fused);
      const whole = traced(executor, inputs, wrt, fused);
      expect(worstError(eager.value, reference.value)).toBeLessThanOrEqual(tolerance);
      wrt.forEach((_x, i) =>
        expect(
          worstError(eager.gradients[i] as Float32Array, reference.gradients[i] as Float32Array),
          `gradient ${i}`,
        ).toBeLessThanOrEqual(tolerance),
      );
      expect(whole).toEqual(eager);
    },
  );

  it('stays finite for logits that overflow exp', () => {
    const logits: Input = { shape: [1, 3], dtype: 'float32', data: Float32Array.of(1000, 0, -1000) };
    const { value, gradients } = onBackend('pipetrain-ort', [logits, ints([1], 2, 3)], [0], (l, y) =>
      nn.crossEntropy(l as T, y as T),
    );
    expect(Number.isFinite(value[0])).toBe(true);
    expect(gradients[0]?.every(Number.isFinite)).toBe(true);
  });

  it('computes rows that do not depend on the other rows', () => {
    const x = floats('rows', [4, 3, 8]);
    const other = { ...x, data: x.data.map((value, i) => (i < 24 ? value : value * -3 + 1)) as Float32Array };
    const w = floats('w', [8, 8]);
    const body = (t?: T, m?: T): T => {
      const h = nn.layerNorm(nn.linear(t as T, m as T), tf.ones([8]), tf.zeros([8]));
      return nn.gelu(nn.attention(h, h, h, { heads: 2, causal: true }));
    };
    const [a, b] = [x, other].map((input) => onBackend('pipetrain-ort', [input, w], [], body).value);
    expect(a?.subarray(0, 24)).toEqual(b?.subarray(0, 24));
    expect(a?.subarray(24)).not.toEqual(b?.subarray(24));
  });

  it('adds the gradient of a repeated id once per use', () => {
    const ids: Input = { shape: [5], dtype: 'int32', data: Int32Array.of(2, 2, 0, 2, 3) };
    const { gradients } = onBackend('pipetrain-ort', [ids, floats('t', [4, 1])], [1], (i, t) =>
      tf.sum(nn.embedding(i as T, t as T)),
    );
    const [seed] = floats('dy', []).data;
    expect(
      Array.from(gradients[0] as Float32Array, (g) => g / (seed as number)).map((g) => Math.round(g * 1e5) / 1e5),
    ).toEqual([1, 0, 3, 1]);
  });

  it('refuses heads that do not divide the width', () => {
    expect(() =>
      onBackend('pipetrain-ort', qkv, [], (q, k, v) => nn.attention(q as T, k as T, v as T, { heads: 3 })),
    ).toThrow('3 heads do not divide 8 features');
  });
});
