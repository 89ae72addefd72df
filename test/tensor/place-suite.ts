// What a sample becomes must not depend on its place in the micro-batch: the cache keeps what a frozen prefix made of a
// sample at one place, and a later step reads it at another. Rows of odd lengths begin at every alignment.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Executor } from '../../engine/tensor/executor.js';
import * as nn from '../../engine/tensor/nn.js';
import * as tf from '../../engine/tensor/tf.js';
import { elementwiseOpCases } from './elementwise-op-cases.js';
import { floats, type Input, traced } from './parity.js';

type T = tf.Tensor;
const PLACES = 5;

/** The same sample of [T, W] at every place of a micro-batch. */
function sampleEverywhere([T, W]: readonly [number, number], map?: (x: number) => number): Input {
  const { data } = floats('sample', [T, W], map);
  const all = new Float32Array(PLACES * T * W);
  for (let place = 0; place < PLACES; place++) all.set(data, place * T * W);
  return { shape: [PLACES, T, W], dtype: 'float32', data: all };
}

const alongRows: readonly (readonly [string, (x: T) => T])[] = [
  ['sum of the last axis', (x) => tf.sum(x, -1)],
  ['mean of the last axis', (x) => tf.mean(x, -1, true)],
  ['product of the last axis', (x) => tf.prod(x, -1)],
  ['sum of a whole sample', (x) => tf.sum(x, [1, 2])],
  ['mean of a whole sample', (x) => tf.mean(x, [1, 2])],
  ['sum of the middle axis', (x) => tf.sum(x, 1)],
  ['mean of the middle axis', (x) => tf.mean(x, 1)],
  ['product of the middle axis', (x) => tf.prod(x, 1)],
  ['maximum', (x) => tf.max(x, -1)],
  ['softmax', (x) => tf.softmax(x)],
  ['log softmax', (x) => tf.logSoftmax(x)],
  ['log of the sum of exponentials', (x) => tf.logSumExp(x, -1)],
  ['norm', (x) => tf.norm(x, 'euclidean', -1)],
  ['variance', (x) => tf.moments(x, -1).variance],
  ['running sum along a sample', (x) => tf.cumsum(x, 1)],
  ['running sum of the last axis', (x) => tf.cumsum(x, 2)],
  ['einsum that sums the last axis', (x) => tf.einsum('bij->bi', x)],
  ['einsum that sums two axes of one operand', (x) => tf.einsum('bij,bkl->b', x, tf.mul(x, 2))],
  ['power', (x) => tf.pow(tf.abs(x), 1.7)],
  ['power by a tensor', (x) => tf.pow(tf.abs(x), tf.add(x, 0.1))],
  ['remainder', (x) => tf.mod(x, 0.37)],
  ['angle', (x) => tf.atan2(x, tf.sub(x, 0.5))],
  ['einsum of a sample with itself', (x) => tf.einsum('bid,bjd->bij', x, x)],
  ['product with itself', (x) => tf.matMul(x, x, false, true)],
  ['gelu', (x) => nn.gelu(x)],
  ['layer norm', (x) => nn.layerNorm(x, tf.ones([x.shape[2] ?? 0]), tf.zeros([x.shape[2] ?? 0]))],
  ['attention', (x) => nn.attention(x, x, x, { heads: 1 })],
  ['linear to one number', (x) => nn.linear(x, tf.ones([x.shape[2] ?? 0, 1]), tf.zeros([1]))],
  ['product with a column', (x) => tf.matMul(tf.reshape(x, [-1, x.shape[2] ?? 0]), tf.ones([x.shape[2] ?? 0, 1]))],
  ['product with two columns', (x) => tf.matMul(x, tf.ones([x.shape[0], x.shape[2] ?? 0, 2]))],
  ['linear', (x) => nn.linear(x, tf.ones([x.shape[2] ?? 0, 9]), tf.zeros([9]))],
];

const unaryCases = new Map(elementwiseOpCases.filter(({ inputs }) => inputs.length === 1).map((c) => [c.op, c]));

/** One suite for all executors; `open` is called once. */
export function placeSuite(name: string, open: () => Executor | Promise<Executor>): void {
  describe(`a sample at each place of a micro-batch, ${name}`, () => {
    let executor: Executor;
    beforeAll(async () => {
      executor = await open();
    });
    afterAll(() => {
      executor.close();
    });
    const expectSamePlaces = (input: Input, body: (x: T) => T): void => {
      const { value } = traced(executor, [input], [], (x) => body(x as T));
      const each = value.length / PLACES;
      const bits = new Uint32Array(value.buffer, value.byteOffset, value.length);
      for (let place = 1; place < PLACES; place++)
        expect(bits.subarray(place * each, (place + 1) * each), `place ${place}`).toEqual(bits.subarray(0, each));
    };
    const sizes = [
      [3, 7],
      [3, 37],
      [5, 261],
    ] as const;

    it.each(alongRows)('has the same bits: %s', (_, body) => {
      for (const size of sizes) expectSamePlaces(sampleEverywhere(size), body);
    });

    it.each([...unaryCases.keys()])('has the same bits: %s', (op) => {
      const { body, inputs } = unaryCases.get(op) ?? { body: tf.neg, inputs: [] };
      // The numbers of the case itself: they lie where the function is defined.
      const drawn = inputs[0]?.data ?? new Float32Array();
      for (const [T, W] of sizes) {
        const { data } = floats(op, [T, W]);
        const own = data.map((_, i) =>
          i < drawn.length ? (drawn[i] ?? 0) : (drawn[i % Math.max(1, drawn.length)] ?? 0),
        );
        const all = new Float32Array(PLACES * T * W);
        for (let place = 0; place < PLACES; place++) all.set(own, place * T * W);
        expectSamePlaces({ shape: [PLACES, T, W], dtype: 'float32', data: all }, body as (x: T) => T);
      }
    });
  });
}
