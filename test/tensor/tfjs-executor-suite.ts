// What every TensorFlow.js executor passes besides the conformance suite: each op and each function of nn, traced with
// its gradients and replayed, against the same computation done eagerly on TensorFlow.js' own cpu backend.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { normalAt, randomKey } from '../../engine/core/random.js';
import type { Executor } from '../../engine/tensor/executor.js';
import { references, replacement } from '../../engine/tensor/fused-reference/references.js';
import { openExecutor } from '../../engine/tensor/open-executor.js';
import { opTable } from '../../engine/tensor/ops/table.js';
import { Optimizer, type OptimizerSpec, stateCount } from '../../engine/tensor/optimizer.js';
import type { HostArray } from '../../engine/tensor/shape.js';
import * as tf from '../../engine/tensor/tf.js';
import { nnCases } from './nn-cases.js';
import { namedOpCases } from './op-cases.js';
import { onBackend, type Result, traced, worstError } from './parity.js';

export interface TfjsSuiteOptions {
  readonly open: () => Promise<Executor>;
  /** Name of the backend in TensorFlow.js; null where it runs in another thread. */
  readonly backend: string | null;
  /** Largest error of an op. Zero where the executor has the very kernels of the reference. */
  readonly opTolerance: number;
  readonly nnTolerance: number;
  /** Errors of single ops, where the device computes them more roughly. */
  readonly roughOps?: Readonly<Record<string, number>>;
  /** Cases that the device refuses: the run ends with an error, not with wrong numbers. */
  readonly refused?: RegExp;
}

const specs: Readonly<Record<string, OptimizerSpec>> = {
  AdamW: { kind: 'adamw', beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0.1 },
  SGD: { kind: 'sgd', momentum: 0, nesterov: false, weightDecay: 0.01 },
  'SGD with momentum': { kind: 'sgd', momentum: 0.9, nesterov: false, weightDecay: 0.01 },
  'SGD with Nesterov momentum': { kind: 'sgd', momentum: 0.9, nesterov: true, weightDecay: 0.01 },
};

/** Weights and states after a few updates of gradients over ten orders of magnitude. */
function updated(executor: Executor, spec: OptimizerSpec): Float32Array[] {
  const n = 1000;
  const key = randomKey(1, 'update');
  const random = (offset: number): Float32Array =>
    Float32Array.from({ length: n }, (_, i) => normalAt(key, offset + i) * 10 ** -(i % 10));
  const weights = random(0);
  const grads = random(n);
  const states = Array.from({ length: stateCount(spec) }, () => new Float32Array(n));
  const optimizer = new Optimizer(executor, spec, { tileElements: 64, lanes: null });
  const bound = optimizer.bind(weights, grads, states, [
    { offset: 1, length: 600, decays: true },
    { offset: 601, length: 300, decays: false },
  ]);
  for (let updateCount = 1; updateCount <= 4; updateCount++)
    bound.run({ learningRate: 0.01 / updateCount, gradientScale: 0.37, updateCount });
  bound.free();
  optimizer.free();
  return [weights, ...states];
}

export function tfjsSuite(
  name: string,
  { open, backend, opTolerance, nnTolerance, roughOps = {}, refused }: TfjsSuiteOptions,
): void {
  const compare = (actual: Result, expected: Result, tolerance: number): void => {
    expect(worstError(actual.value, expected.value)).toBeLessThanOrEqual(tolerance);
    expected.gradients.forEach((gradient, i) =>
      expect(worstError(actual.gradients[i] as HostArray, gradient), `gradient ${i}`).toBeLessThanOrEqual(tolerance),
    );
  };

  describe(`${name} replays`, () => {
    let executor: Executor;
    beforeAll(async () => {
      executor = await open();
    });
    afterAll(() => executor.close());

    it.each(namedOpCases)('%s', (title, { inputs, body, wrt = [] }) => {
      if (refused?.test(title) === true) {
        expect(() => traced(executor, inputs, wrt, body)).toThrow(/Program "test" (fails on|cannot be loaded)/);
        return;
      }
      const expected = onBackend('cpu', inputs, wrt, body);
      const before = tf.memory().numTensors;
      compare(traced(executor, inputs, wrt, body), expected, roughOps[title.split(' ')[0] as string] ?? opTolerance);
      expect(tf.memory().numTensors).toBe(before);
    });

    it.each(nnCases.map((c) => [c.name, c] as const))('%s', (_, { inputs, wrt, fused, plain }) => {
      const expected = onBackend('cpu', inputs, wrt, plain);
      const before = tf.memory().numTensors;
      compare(traced(executor, inputs, wrt, fused), expected, nnTolerance);
      expect(tf.memory().numTensors).toBe(before);
    });

    it.runIf(backend !== null)('every op that a graph can have', () => {
      const lacking = [...opTable.keys()].filter(
        (op) =>
          replacement(op, String(backend)) === undefined &&
          tf.getKernel(op, String(backend)) == null &&
          !references.has(op),
      );
      expect(lacking).toEqual([]);
    });

    it.each(Object.entries(specs))('%s: updates in JavaScript, with the bits of the ONNX update', (_, spec) => {
      const onnx = openExecutor({ threads: 1 });
      expect(updated(executor, spec)).toEqual(updated(onnx, spec));
      onnx.close();
    });
  });
}
