import { describe, expect, it } from 'vitest';
import { missing, runKernel } from './run-kernel.js';

const EPSILON = 1e-5;

interface Case {
  readonly rows: number;
  readonly width: number;
  readonly x: Float32Array;
  readonly gain: Float32Array;
  readonly bias: Float32Array;
  readonly dy: Float32Array;
}

function makeCase(rows: number, width: number): Case {
  const wave = (length: number, step: number): Float32Array =>
    Float32Array.from({ length }, (_, i) => Math.sin(i * step + 0.3));
  return {
    rows,
    width,
    x: wave(rows * width, 1.37).map((value, i) => 3 * value + (Math.floor(i / width) % 5)),
    gain: wave(width, 0.71).map((g) => 1 + g / 2),
    bias: wave(width, 0.39),
    dy: wave(rows * width, 2.11),
  };
}

/** By the definitions, in 64 bits. */
function reference({
  rows,
  width,
  x,
  gain,
  bias,
  dy,
}: Case): Record<'y' | 'means' | 'reciprocals' | 'dx' | 'dgain' | 'dbias', number[]> {
  const result = {
    y: [] as number[],
    means: [] as number[],
    reciprocals: [] as number[],
    dx: [] as number[],
    dgain: new Array<number>(width).fill(0),
    dbias: new Array<number>(width).fill(0),
  };
  for (let row = 0; row < rows; row++) {
    const [values, slopes] = [x, dy].map((all) => [...all.subarray(row * width, (row + 1) * width)]) as [
      number[],
      number[],
    ];
    const average = (terms: readonly number[]): number => terms.reduce((sum, term) => sum + term, 0) / width;
    const mean = average(values);
    const reciprocal = 1 / Math.sqrt(average(values.map((value) => (value - mean) ** 2)) + EPSILON);
    const normal = values.map((value) => (value - mean) * reciprocal);
    const g = slopes.map((slope, i) => slope * (gain[i] as number));
    const [level, tilt] = [average(g), average(g.map((value, i) => value * (normal[i] as number)))];
    result.means.push(mean);
    result.reciprocals.push(reciprocal);
    normal.forEach((n, i) => {
      result.y.push(n * (gain[i] as number) + (bias[i] as number));
      result.dx.push(reciprocal * ((g[i] as number) - level - n * tilt));
      result.dgain[i] = (result.dgain[i] as number) + (slopes[i] as number) * n;
      result.dbias[i] = (result.dbias[i] as number) + (slopes[i] as number);
    });
  }
  return result;
}

const largestError = (actual: Float32Array | undefined, expected: readonly number[]): number =>
  Math.max(...expected.map((value, i) => Math.abs((actual?.[i] as number) - value)));

const SIZES = [
  [1, 1],
  [3, 5],
  [5, 16],
  [9, 33],
  [7, 192],
  [66, 100],
  [13, 384],
  [4, 600],
  [131, 49],
  [2, 1100],
] as const;

describe.skipIf(missing !== null)('layer norm in machine code', () => {
  it.each(SIZES)('normalises %i rows of %i, and has their gradient', (rows, width) => {
    const all = makeCase(rows, width);
    const expected = reference(all);
    const forward = runKernel({ kind: 'layer norm', rows, width, epsilon: EPSILON }, [all.x, all.gain, all.bias], 3);
    expect(forward.isInBounds).toBe(true);
    const [y, means, reciprocals] = forward.outputs;
    // 1 / deviation is up to 316 where a row has no variance; all errors are relative to it, and a few units in the
    // last place.
    const factor = Math.max(...expected.reciprocals);
    expect(largestError(means, expected.means)).toBeLessThan(1e-6);
    expect(largestError(reciprocals, expected.reciprocals)).toBeLessThan(1e-6 * factor);
    expect(largestError(y, expected.y)).toBeLessThan(3e-6 * factor);
    const backward = runKernel(
      { kind: 'layer norm gradient', rows, width },
      [all.dy, all.x, all.gain, Float32Array.from(expected.means), Float32Array.from(expected.reciprocals)],
      5,
    );
    expect(backward.isInBounds).toBe(true);
    const [dx, dgain, dbias] = backward.outputs;
    expect(largestError(dx, expected.dx)).toBeLessThan(3e-6 * factor);
    // Sums over rows of numbers about 1: the error of a sum of n grows slower than n.
    expect(largestError(dgain, expected.dgain)).toBeLessThan(1e-6 * factor * (1 + rows / 20));
    expect(largestError(dbias, expected.dbias)).toBeLessThan(1e-6 * (1 + rows / 20));
  });

  it.each([
    [50, 192],
    [23, 37],
  ])('gives a row the same bits wherever it stands, %i rows of %i', (rows, width) => {
    const { x, gain, bias, dy } = makeCase(rows, width);
    const [y, means, reciprocals] = runKernel({ kind: 'layer norm', rows, width, epsilon: EPSILON }, [x, gain, bias])
      .outputs as [Float32Array, Float32Array, Float32Array];
    const [dx] = runKernel({ kind: 'layer norm gradient', rows, width }, [dy, x, gain, means, reciprocals]).outputs;
    for (let row = 0; row < rows; row++) {
      const [from, to] = [row * width, (row + 1) * width];
      const [part, slopes] = [x.slice(from, to), dy.slice(from, to)];
      const alone = runKernel({ kind: 'layer norm', rows: 1, width, epsilon: EPSILON }, [part, gain, bias], row % 16)
        .outputs as [Float32Array, Float32Array, Float32Array];
      expect(y.slice(from, to)).toEqual(alone[0]);
      expect([means[row], reciprocals[row]]).toEqual([alone[1][0], alone[2][0]]);
      expect(dx?.slice(from, to)).toEqual(
        runKernel({ kind: 'layer norm gradient', rows: 1, width }, [slopes, part, gain, alone[1], alone[2]], row % 16)
          .outputs[0],
      );
    }
  });
});
