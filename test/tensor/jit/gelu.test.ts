import { describe, expect, it } from 'vitest';
import { missing, runKernel } from './run-kernel.js';

/**
 * erf in 64 bits: its Taylor series where that converges well, a continued fraction of erfc beyond (Abramowitz and
 * Stegun 7.1.5, 7.1.14).
 */
function erf(x: number): number {
  if (x < 0) return -erf(-x);
  if (x < 2.5) {
    let [sum, term] = [0, x];
    for (let n = 0; n < 80; n++) {
      sum += term / (2 * n + 1);
      term *= (-x * x) / (n + 1);
    }
    return (2 / Math.sqrt(Math.PI)) * sum;
  }
  let fraction = 0;
  for (let n = 120; n >= 1; n--) fraction = n / 2 / (x + fraction);
  return 1 - Math.exp(-x * x) / Math.sqrt(Math.PI) / (x + fraction);
}

const distribution = (x: number): number => (1 + erf(x / Math.SQRT2)) / 2;
const slope = (x: number): number => distribution(x) + (x * Math.exp((-x * x) / 2)) / Math.sqrt(2 * Math.PI);

/** From -12 to 12, every piece of the tables hit many times, and the neighbourhood of 0. */
const inputs = Float32Array.from({ length: 20_011 }, (_, i) =>
  i < 20_000 ? (i - 10_000) / 833.3 : (i - 20_005) * 1e-4,
);

describe.skipIf(missing !== null)('gelu in machine code', () => {
  it('is x times the normal distribution function of x', () => {
    const {
      outputs: [y],
      isInBounds,
    } = runKernel({ kind: 'gelu', size: inputs.length }, [inputs]);
    expect(isInBounds).toBe(true);
    // The polynomials are off by 1e-8, their coefficients and two roundings by 3e-8 each, times x; the last rounding is
    // relative to the result.
    const errors = inputs.map(
      (x, i) =>
        Math.abs((y?.[i] as number) - x * distribution(x)) /
        (1e-7 * (0.2 + Math.min(Math.abs(x), 2)) + 6e-8 * Math.abs(x * distribution(x))),
    );
    expect(Math.max(...errors)).toBeLessThan(1);
  });

  it('has the gradient dy (distribution + x density)', () => {
    const dy = inputs.map((_, i) => Math.cos(i));
    const {
      outputs: [dx],
      isInBounds,
    } = runKernel({ kind: 'gelu gradient', size: inputs.length }, [dy, inputs]);
    expect(isInBounds).toBe(true);
    const errors = inputs.map((x, i) => Math.abs((dx?.[i] as number) - (dy[i] as number) * slope(x)));
    // Slopes are at most 1.13: two units in the last place of that.
    expect(Math.max(...errors)).toBeLessThan(2.4e-7);
  });

  it('is right far away, at infinity and for what is no number', () => {
    const far = Float32Array.of(30, -30, 1e30, -1e30, Infinity, -Infinity, NaN);
    expect([...(runKernel({ kind: 'gelu', size: 7 }, [far]).outputs[0] ?? [])]).toEqual([
      30,
      0,
      Math.fround(1e30),
      0,
      Infinity,
      0,
      NaN,
    ]);
    expect([
      ...(runKernel({ kind: 'gelu gradient', size: 7 }, [new Float32Array(7).fill(2), far]).outputs[0] ?? []),
    ]).toEqual([2, 0, 2, 0, 2, 0, NaN]);
  });

  it.each([1, 2, 15, 16, 17, 31, 32, 33, 47, 48, 64, 95, 100])(
    'gives an element the same bits wherever it stands, %i elements',
    (size) => {
      const x = inputs.subarray(9_000, 9_000 + size);
      for (const shift of [0, 1, 7]) {
        const {
          outputs: [y],
          isInBounds,
        } = runKernel({ kind: 'gelu', size }, [x], shift);
        const gradient = runKernel({ kind: 'gelu gradient', size }, [x, x], shift);
        expect(isInBounds && gradient.isInBounds).toBe(true);
        for (const i of [0, size >> 1, size - 1]) {
          const alone = x.subarray(i, i + 1);
          expect(y?.[i]).toBe(runKernel({ kind: 'gelu', size: 1 }, [alone]).outputs[0]?.[0]);
          expect(gradient.outputs[0]?.[i]).toBe(
            runKernel({ kind: 'gelu gradient', size: 1 }, [alone, alone]).outputs[0]?.[0],
          );
        }
      }
    },
  );
});
