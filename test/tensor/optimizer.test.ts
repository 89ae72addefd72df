import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { UsageError } from '../../engine/core/errors.js';
import { present } from '../../engine/core/invariant.js';
import { normalAt, randomKey } from '../../engine/core/random.js';
import { vectorLanes } from '../../engine/tensor/jit/cpu-features.js';
import type { OnnxExecutor } from '../../engine/tensor/onnx-executor.js';
import { openExecutor } from '../../engine/tensor/open-executor.js';
import {
  Optimizer,
  type OptimizerOptions,
  type OptimizerSpec,
  type Segment,
  stateCount,
  stateLayouts,
} from '../../engine/tensor/optimizer.js';

const f32 = Math.fround;
const widest = vectorLanes() ?? 0;
const adamw = { kind: 'adamw', beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0.1 } as const;
const averaged = { ...adamw, ema: 0.9 } as const;
const sgd = (momentum: number, nesterov = false) => ({
  kind: 'sgd' as const,
  momentum,
  nesterov,
  weightDecay: 0.01,
});

interface Buffers {
  readonly weights: Float32Array;
  readonly grads: Float32Array;
  readonly states: readonly Float32Array[];
}

/** Weights and gradients over ten orders of magnitude, states at zero. */
function buffers(spec: OptimizerSpec, n: number): Buffers {
  const random = (purpose: string): Float32Array => {
    const key = randomKey(1, purpose);
    return Float32Array.from({ length: n }, (_, i) => normalAt(key, i) * 10 ** -(i % 10));
  };
  return {
    weights: random('weights'),
    grads: random('grads'),
    states: Array.from({ length: stateCount(spec) }, () => new Float32Array(n)),
  };
}

interface StepSettings {
  readonly learningRate: number;
  readonly gradientScale: number;
  readonly updateCount: number;
}
const settingsOf = (updateCount: number): StepSettings => ({
  learningRate: 0.01 / updateCount,
  gradientScale: updateCount % 2 === 0 ? 0.37 : 1,
  updateCount,
});

/** The update in plain JavaScript, every operation rounded to 32 bits. */
function reference(
  spec: typeof adamw | typeof averaged | ReturnType<typeof sgd>,
  { weights, grads, states }: Buffers,
  segments: readonly Segment[],
  step: StepSettings,
): void {
  const rate = f32(step.learningRate);
  const scale = f32(step.gradientScale);
  const [first, second] = states as [Float32Array, Float32Array];
  for (const { offset, length, decays } of segments)
    for (let i = offset; i < offset + length; i++) {
      const weight = weights[i] as number;
      const gradient = f32((grads[i] as number) * scale);
      if (spec.kind === 'adamw') {
        const correction = Math.sqrt(1 - spec.beta2 ** step.updateCount);
        const size = f32((step.learningRate * correction) / (1 - spec.beta1 ** step.updateCount));
        const keep = f32(decays ? 1 - step.learningRate * spec.weightDecay : 1);
        const m = f32(f32((first[i] as number) * f32(spec.beta1)) + f32(gradient * f32(1 - spec.beta1)));
        const v = f32(
          f32((second[i] as number) * f32(spec.beta2)) + f32(f32(gradient * gradient) * f32(1 - spec.beta2)),
        );
        const root = f32(f32(Math.sqrt(v)) + f32(spec.epsilon * correction));
        first[i] = m;
        second[i] = v;
        weights[i] = f32(f32(weight * keep) - f32(f32(m / root) * size));
      } else {
        const decayed = f32(gradient + f32(weight * f32(decays ? spec.weightDecay : 0)));
        let direction = decayed;
        if (spec.momentum > 0) {
          const velocity = f32(f32((first[i] as number) * f32(spec.momentum)) + decayed);
          first[i] = velocity;
          direction = spec.nesterov ? f32(decayed + f32(velocity * f32(spec.momentum))) : velocity;
        }
        weights[i] = f32(weight - f32(direction * rate));
      }
      if ('ema' in spec) {
        const average = present(states.at(-1), 'average');
        const kept = f32((average[i] as number) * f32(spec.ema));
        average[i] = f32(kept + f32((weights[i] as number) * f32(1 - spec.ema)));
      }
    }
}

describe('Optimizer', () => {
  let executor: OnnxExecutor;
  beforeAll(() => {
    executor = openExecutor({ threads: 1 });
  });
  afterAll(() => executor.close());

  function update(
    spec: OptimizerSpec,
    held: Buffers,
    segments: readonly Segment[],
    steps: number,
    options: OptimizerOptions = {},
  ): void {
    const optimizer = new Optimizer(executor, spec, options);
    const bound = optimizer.bind(held.weights, held.grads, held.states, segments);
    for (let t = 1; t <= steps; t++) bound.run(settingsOf(t));
    bound.free();
    optimizer.free();
  }

  const specs = {
    AdamW: adamw,
    'AdamW with a mean of the weights': averaged,
    SGD: sgd(0),
    'SGD with momentum': sgd(0.9),
    'SGD with Nesterov momentum': sgd(0.9, true),
  };
  const n = 2500;
  // Touching segments that agree, touching ones that do not, a gap, a single element.
  const segments: readonly Segment[] = [
    { offset: 0, length: 700, decays: true },
    { offset: 700, length: 300, decays: true },
    { offset: 1000, length: 499, decays: false },
    { offset: 1500, length: 1, decays: true },
    { offset: 1501, length: 999, decays: false },
  ];

  const ways: Record<string, OptimizerOptions> = {
    'on the executor': { lanes: null },
    'by machine code for AVX2': { lanes: 8 },
    'by machine code for AVX-512': { lanes: 16 },
  };

  describe.each(
    Object.entries(specs)
      .flatMap(([name, spec]) => Object.entries(ways).map(([way, options]) => [name, way, spec, options] as const))
      .filter(([, , , { lanes }]) => (lanes ?? 0) <= widest),
  )('%s %s', (_, __, spec, options) => {
    it('equals the plain loop bit for bit over several steps, in place', () => {
      const actual = buffers(spec, n);
      const expected = buffers(spec, n);
      update(spec, actual, segments, 5, options);
      for (let t = 1; t <= 5; t++) reference(spec, expected, segments, settingsOf(t));
      // Bits, not tolerance: both round every single operation to the nearest 32-bit float.
      expect(actual).toEqual(expected);
      expect(actual.weights[1499]).toBe(buffers(spec, n).weights[1499]);
    });

    it('gives the same bits for every tile size and however the weights are cut into segments', () => {
      const whole = buffers(spec, n);
      update(spec, whole, [{ offset: 0, length: n, decays: true }], 3, options);
      for (const tileElements of [1, 7, 64, 1000]) {
        const tiled = buffers(spec, n);
        update(spec, tiled, [{ offset: 0, length: n, decays: true }], 3, { ...options, tileElements });
        expect(tiled).toEqual(whole);
      }
      const cut = buffers(spec, n);
      const cuts = [1777, 1, 722].map((length, i, all) => ({
        offset: all.slice(0, i).reduce((a, b) => a + b, 0),
        length,
        decays: true,
      }));
      update(spec, cut, [...cuts].reverse(), 3, { ...options, tileElements: 100 });
      expect(cut).toEqual(whole);
    });
  });

  it('walks AdamW down to the minimum of a parabola', () => {
    const held = {
      weights: Float32Array.of(3),
      grads: new Float32Array(1),
      states: [new Float32Array(1), new Float32Array(1)],
    };
    const optimizer = new Optimizer(executor, { ...adamw, weightDecay: 0 });
    const bound = optimizer.bind(held.weights, held.grads, held.states, [{ offset: 0, length: 1, decays: true }]);
    for (let t = 1; t <= 500; t++) {
      held.grads[0] = 2 * ((held.weights[0] as number) - 1);
      bound.run({ learningRate: 0.05, gradientScale: 1, updateCount: t });
    }
    // Adam oscillates by about the learning rate; after 500 steps it is well inside that.
    expect(Math.abs((held.weights[0] as number) - 1)).toBeLessThan(0.05);
    optimizer.free();
  });

  it('moves the first AdamW step by the learning rate, whatever the gradient', () => {
    const weights = new Float32Array(4);
    const optimizer = new Optimizer(executor, adamw);
    optimizer
      .bind(
        weights,
        Float32Array.of(1e-3, -1, 50, 0),
        [new Float32Array(4), new Float32Array(4)],
        [{ offset: 0, length: 4, decays: true }],
      )
      .run({ learningRate: 0.1, gradientScale: 1, updateCount: 1 });
    // m / sqrt(v) is +-1 up to epsilon / |gradient| = 1e-5 and a few roundings of 6e-8.
    [-0.1, 0.1, -0.1, 0].forEach((expected, i) =>
      expect(Math.abs((weights[i] as number) - expected)).toBeLessThan(2e-6),
    );
    optimizer.free();
  });

  it('works on weights in shared memory', () => {
    const held = buffers(adamw, 40);
    const weights = new Float32Array(new SharedArrayBuffer(160));
    weights.set(held.weights);
    const all = [{ offset: 0, length: 40, decays: true }];
    update(adamw, { ...held, weights }, all, 1);
    const expected = buffers(adamw, 40);
    reference(adamw, expected, all, settingsOf(1));
    expect([...weights]).toEqual([...expected.weights]);
  });

  it('counts the states that a kind needs', () => {
    expect([adamw, sgd(0), sgd(0.9)].map(stateCount)).toEqual([2, 0, 1]);
  });

  it('refuses settings that cannot train', () => {
    expect(() => new Optimizer(executor, { ...adamw, beta1: 1 })).toThrow(UsageError);
    expect(() => new Optimizer(executor, sgd(1))).toThrow(/momentum is 1/);
  });

  // The golden numbers are those of optax, two steps from weights [[1, -2, .5], [.25, 3, -1]].
  const GOLDEN: [string, OptimizerSpec, number, readonly number[]][] = [
    [
      'adagrad',
      { kind: 'adagrad', epsilon: 1e-10, weightDecay: 0 },
      0.1,
      [0.99486833, -1.94472136, 0.34452998, 0.15, 2.970710678, -0.916439899],
    ],
    [
      'rmsprop',
      { kind: 'rmsprop', rho: 0.99, epsilon: 1e-8, weightDecay: 0 },
      0.01,
      [0.99491587, -1.944901355, 0.344337015, 0.150000025, 2.97088813, -0.916520479],
    ],
    [
      'lamb',
      { kind: 'lamb', beta1: 0.9, beta2: 0.999, epsilon: 1e-6, weightDecay: 0.01 },
      0.01,
      [0.997295809, -1.976100242, 0.457524384, 0.215831022, 2.984378343, -0.969098903],
    ],
    [
      'lars',
      { kind: 'lars', momentum: 0.9, weightDecay: 1e-4 },
      0.1,
      [1.00010764, -1.999905789, 0.49964239, 0.249688306, 2.999919497, -0.999594269],
    ],
    [
      'adafactor',
      { kind: 'adafactor', weightDecay: 0 },
      0.01,
      [1.011698965, -1.994551205, 0.479651414, 0.239453439, 3.000794367, -0.992699849],
    ],
  ];
  it.each(GOLDEN)('%s takes the steps of the literature', (_, spec, learningRate, expected) => {
    const weights = Float32Array.of(1, -2, 0.5, 0.25, 3, -1);
    // What is clipped is halved here.
    const grads = Float32Array.of(0.2, -0.4, 0.6, 0.8, 1, -1.2);
    const entry = { shape: [2, 3], offset: 0, size: 6, decays: true };
    const layouts = stateLayouts(spec, { length: 6, entries: [entry] });
    const states = layouts.map(({ length }) => new Float32Array(length));
    const optimizer = new Optimizer(executor, spec);
    const bound = optimizer.isWhole
      ? optimizer.bindWhole({ entries: [entry], weights, states, layouts, gradient: (_at, into) => into.set(grads) })
      : optimizer.bind(weights, grads, states, [{ ...entry, length: 6 }]);
    bound.run({ learningRate, gradientScale: 0.5, updateCount: 1 });
    grads.set([-0.6, 0.2, 0.4, 0, -1, 0.2]);
    bound.run({ learningRate, gradientScale: 0.5, updateCount: 2 });
    // They are written with nine digits; 32 bits have seven.
    for (const [i, value] of expected.entries()) expect(weights[i]).toBeCloseTo(value, 6);
    bound.free();
    optimizer.free();
  });

  it('adafactor keeps a row and a column of a matrix, and all of a vector', () => {
    const entries = [
      { shape: [40, 30], offset: 0, size: 1200 },
      { shape: [30], offset: 1200, size: 30 },
    ];
    const layouts = stateLayouts({ kind: 'adafactor', weightDecay: 0, ema: 0.5 }, { length: 1232, entries });
    expect(layouts.map((layout) => layout.entries.map(({ size }) => size))).toEqual([
      [40, 30],
      [30, 0],
      [1200, 30],
    ]);
    // Begins of parameters are multiples of 16 elements.
    expect(layouts.map(({ length }) => length)).toEqual([80, 32, 1232]);
  });
});
