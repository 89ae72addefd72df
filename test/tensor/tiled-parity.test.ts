// The fused ops at sizes where they work tile by tile: against their plain compositions, eager against traced, one
// thread against two.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { registerEager } from '../../engine/tensor/eager.js';
import type { Executor } from '../../engine/tensor/executor.js';
import * as nn from '../../engine/tensor/nn.js';
import { openExecutor } from '../../engine/tensor/open-executor.js';
import type * as tf from '../../engine/tensor/tf.js';
import { type NnCase, plainAttention, plainGelu, plainLinear, plainNorm } from './nn-cases.js';
import { floats, type Input, onBackend, type Result, traced, worstError } from './parity.js';

// Sums of up to 1100 products: the roundings of 6e-8 add up like a random walk, to about 30 of them.
const ROUNDING = 1e-5;

type T = tf.Tensor;

// No toEqual on arrays of this size: it takes seconds.
const bytes = ({ buffer, byteOffset, byteLength }: ArrayBufferView): Buffer =>
  Buffer.from(buffer, byteOffset, byteLength);
const isEqual = (a: Result, b: Result): boolean =>
  bytes(a.value).equals(bytes(b.value)) &&
  a.gradients.every((gradient, i) => bytes(gradient).equals(bytes(b.gradients[i] as ArrayBufferView)));

/** The first sample keeps few keys, the last all. */
const keys: Input = {
  shape: [8, 128],
  dtype: 'float32',
  data: Float32Array.from({ length: 8 * 128 }, (_, i) => (i % 128 < 16 * (1 + Math.floor(i / 128)) ? 1 : 0)),
};
const cases: readonly NnCase[] = [
  {
    name: 'gelu',
    inputs: [floats('x', [5, 80, 700], (x) => x * 2)],
    wrt: [0],
    fused: (x) => nn.gelu(x as T),
    plain: (x) => plainGelu(x as T),
  },
  {
    name: 'layerNorm',
    inputs: [floats('x', [5, 90, 600], (x) => x * 3 + 1), floats('g', [600]), floats('b', [600])],
    wrt: [0, 1, 2],
    fused: (x, g, b) => nn.layerNorm(x as T, g as T, b as T),
    plain: (x, g, b) => plainNorm(x as T, g as T, b as T),
  },
  ...[false, true].flatMap((causal) =>
    [false, true].map((isMasked): NnCase => ({
      name: `attention${causal ? ', causal' : ''}${isMasked ? ', with a mask' : ''}`,
      inputs: [floats('q', [8, 128, 8]), floats('k', [8, 128, 8]), floats('v', [8, 128, 8]), keys],
      wrt: [0, 1, 2],
      fused: (q, k, v, m) =>
        nn.attention(q as T, k as T, v as T, { heads: 2, causal, ...(isMasked ? { mask: m as T } : {}) }),
      plain: (q, k, v, m) => plainAttention(q as T, k as T, v as T, 2, causal, isMasked ? m : undefined),
    })),
  ),
  {
    name: 'linear with a bias',
    inputs: [floats('x', [1100, 3]), floats('w', [3, 512]), floats('b', [512])],
    wrt: [0, 1, 2],
    fused: (x, w, b) => nn.linear(x as T, w as T, b),
    plain: (x, w, b) => plainLinear(x as T, w as T, b),
  },
];

describe('in tiles', () => {
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

  it.each(cases.map((c) => [c.name, c] as const))('equals its composition: %s', (_, { inputs, wrt, fused, plain }) => {
    const reference = onBackend('cpu', inputs, wrt, plain);
    const eager = onBackend('pipetrain-ort', inputs, wrt, fused);
    const whole = traced(executor, inputs, wrt, fused);
    expect(worstError(eager.value, reference.value)).toBeLessThanOrEqual(ROUNDING);
    wrt.forEach((_x, i) =>
      expect(
        worstError(eager.gradients[i] as Float32Array, reference.gradients[i] as Float32Array),
        `gradient ${i}`,
      ).toBeLessThanOrEqual(ROUNDING),
    );
    expect(isEqual(whole, eager)).toBe(true);
  });

  it('computes samples that do not depend on the other samples', () => {
    const x = floats('rows', [8, 128, 256]);
    const half = x.data.length / 2;
    const other = { ...x, data: x.data.map((value, i) => (i < half ? value : value * -3 + 1)) as Float32Array };
    const body = (t?: T): T => nn.gelu(nn.attention(t as T, t as T, t as T, { heads: 2, causal: true }));
    const [a, b] = [x, other].map((input) => onBackend('pipetrain-ort', [input], [0], body));
    const part = (result: Result | undefined, from: number, to: number): Result => ({
      value: (result as Result).value.subarray(from, to),
      gradients: (result as Result).gradients.map((gradient) => gradient.subarray(from, to)),
    });
    expect(isEqual(part(a, 0, half), part(b, 0, half))).toBe(true);
    expect(isEqual(part(a, half, 2 * half), part(b, half, 2 * half))).toBe(false);
  });

  it('gives the same bits with one thread and with two', () => {
    const two = openExecutor({ threads: 2 });
    const inputs = [floats('x', [8, 128, 256]), floats('g', [256]), floats('b', [256])];
    const body = (x?: T, g?: T, b?: T): T => {
      const h = nn.layerNorm(x as T, g as T, b as T);
      return nn.gelu(nn.attention(h, h, h, { heads: 2 }));
    };
    const [one, other] = [executor, two].map((each) => traced(each, inputs, [0, 1, 2], body)) as [Result, Result];
    two.close();
    expect(isEqual(one, other)).toBe(true);
  });
});
