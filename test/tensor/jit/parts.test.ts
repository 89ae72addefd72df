// Kernels cut into parts for threads: the same bits for every number of parts.
import { describe, expect, it } from 'vitest';
import type { KernelSpec } from '../../../engine/tensor/jit/catalogue.js';
import { missing, runKernel } from './run-kernel.js';

const wave = (length: number, step: number): Float32Array =>
  Float32Array.from({ length }, (_, i) => Math.sin(i * step + 0.3) * 2);
const ids = Int32Array.from({ length: 60 }, (_, i) => (i * 7) % 11);

const CASES: readonly (readonly [KernelSpec, readonly (Float32Array | Int32Array)[]])[] = [
  [{ kind: 'gelu', size: 5003 }, [wave(5003, 1.1)]],
  [{ kind: 'gelu gradient', size: 5003 }, [wave(5003, 1.1), wave(5003, 0.7)]],
  [{ kind: 'layer norm', rows: 37, width: 50, epsilon: 1e-5 }, [wave(37 * 50, 1.3), wave(50, 0.4), wave(50, 0.9)]],
  [
    { kind: 'layer norm gradient', rows: 137, width: 70 },
    [wave(137 * 70, 1.3), wave(137 * 70, 0.8), wave(70, 0.4), wave(137, 0.2), wave(137, 0.6)],
  ],
  [
    { kind: 'layer norm gradient', rows: 3, width: 200 },
    [wave(600, 1.3), wave(600, 0.8), wave(200, 0.4), wave(3, 0.2), wave(3, 0.6)],
  ],
  [{ kind: 'embedding gradient', count: 60, rows: 11, width: 20 }, [wave(1200, 1.3), ids]],
  [
    { kind: 'gemm', rows: 20, columns: 130, inner: 33, transA: false, transB: true, hasBias: true },
    [wave(660, 1.3), wave(130 * 33, 0.4), wave(130, 0.7)],
  ],
];

describe.skipIf(missing !== null)('parts', () => {
  it.each(CASES)('of %o give the bits of the whole', (spec, inputs) => {
    const whole = runKernel(spec, inputs).outputs;
    for (const threads of [2, 3, 8]) {
      const cut = runKernel(spec, inputs, 0, threads);
      expect(cut.isInBounds).toBe(true);
      expect(cut.outputs).toEqual(whole);
    }
  });
});
