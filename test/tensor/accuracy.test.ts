// Every elementwise op, value and gradient, within its bound over the whole range of floats, and right at special
// numbers. `npm run accuracy` does the same with fifty times as many numbers and writes the table.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Executor } from '../../engine/tensor/executor.js';
import * as nn from '../../engine/tensor/nn.js';
import { openExecutorOf } from '../../engine/tensor/open-executor.js';
import * as tf from '../../engine/tensor/tf.js';
import { trace, traceGradients } from '../../engine/tensor/trace.js';
import { binary, unary } from '../../scripts/accuracy/cases.mjs';
import { grid, pairs, SPECIAL, SPECIAL_PAIRS } from '../../scripts/accuracy/grid.mjs';
import { isEverywhereSame, unitsOff, worst } from '../../scripts/accuracy/measure.mjs';
import { obstacleTo } from './obstacle.js';

const engine = { tf, nn, trace, traceGradients };
const numbers = grid(6, 4000);
const cases = [
  ...unary.map((test) => ({ test, name: test.name, xs: [numbers], special: [Float32Array.from(SPECIAL)] })),
  ...binary.map((test) => ({ test, name: test.name, xs: pairs(grid(2, 1000)), special: SPECIAL_PAIRS })),
];

it('an error is counted in neighbouring floats', () => {
  const next = 1 + 2 ** -23;
  expect(unitsOff(next, 1)).toBe(1);
  expect(unitsOff(-next, -1)).toBe(1);
  expect(unitsOff(0.5, 1)).toBe(2 ** 22);
  expect(unitsOff(0, 1e-40)).toBe(0);
  expect(unitsOff(NaN, 1)).toBe(Infinity);
  expect(unitsOff(0, NaN)).toBe(Infinity);
  expect(unitsOff(-Infinity, Infinity)).not.toBe(0);
});

const reason = await obstacleTo('torch-cpu');
if (reason !== null) it.skip(`on torch-cpu (skipped: ${reason})`, () => undefined);

describe.each(['ort-cpu', 'tfjs-cpu', ...(reason === null ? ['torch-cpu'] : [])])('on %s', (name) => {
  let executor: Executor;
  beforeAll(async () => {
    executor = await openExecutorOf(name, { threads: 1 });
  });
  afterAll(() => executor.close());

  it.each(cases)('$name', ({ test, xs, special }) => {
    const value = worst(engine, executor, test, xs);
    expect(value.units, JSON.stringify(value)).toBeLessThanOrEqual(test.bound ?? 4);
    const atSpecial = worst(engine, executor, test, special);
    expect(atSpecial.units, JSON.stringify(atSpecial)).toBeLessThanOrEqual(test.bound ?? 4);
    if (test.slope !== undefined) {
      const slope = worst(engine, executor, test, xs, true);
      expect(slope.units, JSON.stringify(slope)).toBeLessThanOrEqual(test.slopeBound ?? 4);
    }
    if (test.isPlaced !== true) expect(isEverywhereSame(engine, executor, test, xs)).toBe(true);
  });

  it('integers divided by zero, and the smallest by -1, end no process', () => {
    const bits = -(2 ** 31);
    const x = { shape: [4], dtype: 'int32' } as const;
    for (const [op, wanted] of [
      [tf.floorDiv, [0, bits, -4, 16777217]],
      [tf.mod, [0, 0, 1, 0]],
    ] as const) {
      const { graph, inputs, outputs } = trace('integers', [x, x], ([a, b]) => [op(a as tf.Tensor, b as tf.Tensor)]);
      const port = (value: number) => ({ role: { kind: 'plain', name: `v${value}` }, value, ...x }) as const;
      const loaded = executor.load({ name: 'integers', graph, inputs: inputs.map(port), outputs: outputs.map(port) });
      const y = new Int32Array(4);
      loaded.bind([Int32Array.of(7, bits, -7, 16777217), Int32Array.of(0, -1, 2, 1)], [y]).run();
      expect([...y]).toEqual(wanted);
      loaded.free();
    }
  });
});
