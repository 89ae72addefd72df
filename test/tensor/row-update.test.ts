import { describe, expect, it } from 'vitest';
import { bitsAt, randomKey } from '../../engine/core/random.js';
import { vectorLanes } from '../../engine/tensor/jit/cpu-features.js';
import { openExecutor } from '../../engine/tensor/open-executor.js';
import { Optimizer, type OptimizerOptions, type OptimizerSpec, stateCount } from '../../engine/tensor/optimizer.js';

const executor = openExecutor({ threads: 1 });
const [ROWS, WIDTH] = [40, 24];
/** The part of the table that is updated begins within a row and ends within one. */
const [FROM, TO] = [3 * WIDTH + 8, 37 * WIDTH + 16];

const KINDS: readonly OptimizerSpec[] = [
  { kind: 'adamw', beta1: 0.9, beta2: 0.99, epsilon: 1e-8, weightDecay: 0.1 },
  { kind: 'sgd', momentum: 0.9, nesterov: true, weightDecay: 0.1 },
  { kind: 'sgd', momentum: 0, nesterov: false, weightDecay: 0 },
];
const WAYS: readonly (readonly [string, OptimizerOptions])[] = [
  ['on the executor', { lanes: null, tileElements: 100 }],
  ...([8, 16] as const)
    .filter((lanes) => lanes <= (vectorLanes() ?? 0))
    .map((lanes) => [`in machine code of ${lanes} lanes`, { lanes }] as const),
];

/** Weights among which are both zeros, infinities, NaN, and numbers below the normal range. */
function weights(): Float32Array {
  const key = randomKey(1, 'weights');
  const special = [0, -0, 1e-40, -1e-45, Infinity, NaN];
  return Float32Array.from({ length: ROWS * WIDTH }, (_, i) =>
    i % 71 < special.length && i > 20 * WIDTH ? (special[i % 71] as number) : bitsAt(key, i) / 2 ** 31 - 1,
  );
}

/** Rows that have a gradient in a step. */
function touched(step: number): { ids: Int32Array; values: Float32Array } {
  const key = randomKey(2, 'rows', step);
  const ids = Int32Array.from(Array.from({ length: ROWS }, (_, i) => i).filter((i) => bitsAt(key, i) % 5 === 0));
  const values = Float32Array.from({ length: ids.length * WIDTH }, (_, i) =>
    i % 13 === 0 ? 0 : bitsAt(key, ROWS + i) / 2 ** 31 - 1,
  );
  return { ids, values };
}

const words = (data: Float32Array): number[] => [...new Uint32Array(data.buffer, data.byteOffset, data.length)];

describe.each(WAYS)('the update of a table by rows, %s', (_, options) => {
  it.each(KINDS.flatMap((spec) => [true, false].map((decays) => [spec.kind, decays, spec] as const)))(
    'has the bits of the update by the whole gradient: %s, decaying %s',
    (_kind, decays, spec) => {
      const optimizer = new Optimizer(executor, spec, options);
      const part = (data: Float32Array): Float32Array => data.subarray(FROM, TO);
      const fresh = (): { weights: Float32Array; states: Float32Array[] } => ({
        weights: weights(),
        states: Array.from({ length: stateCount(spec) }, () => new Float32Array(ROWS * WIDTH)),
      });
      const [dense, sparse] = [fresh(), fresh()];
      const gradient = new Float32Array(ROWS * WIDTH);
      let now = touched(0);
      const segments = [{ offset: 0, length: TO - FROM, decays }];
      const whole = optimizer.bind(part(dense.weights), part(gradient), dense.states.map(part), segments);
      const bind = (): typeof whole =>
        optimizer.bindRows(
          part(sparse.weights),
          { width: WIDTH, first: FROM, rows: () => now },
          sparse.states.map(part),
          segments,
        );
      let byRows = bind();
      for (let step = 0; step < 6; step++) {
        now = touched(step);
        gradient.fill(0);
        now.ids.forEach((id, i) => gradient.set(now.values.subarray(i * WIDTH, (i + 1) * WIDTH), id * WIDTH));
        const settings = { learningRate: 0.01, gradientScale: 0.7, updateCount: step + 1 };
        whole.run(settings);
        byRows.run(settings);
        expect(words(sparse.weights)).toEqual(words(dense.weights));
        expect(sparse.states.map(words)).toEqual(dense.states.map(words));
        // As where a plan changes: what rests is found anew.
        if (step === 2) {
          byRows.free();
          byRows = bind();
        }
      }
      whole.free();
      byRows.free();
      optimizer.free();
    },
  );
});
