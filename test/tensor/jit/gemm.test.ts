import { describe, expect, it } from 'vitest';
import { missing, runKernel, wholeNumbers } from './run-kernel.js';

/** By its definition, in 64 bits. */
function product(
  rows: number,
  columns: number,
  inner: number,
  a: (i: number, k: number) => number,
  b: (k: number, j: number) => number,
): number[] {
  return Array.from({ length: rows * columns }, (_, at) => {
    const [i, j] = [Math.floor(at / columns), at % columns];
    let sum = 0;
    for (let k = 0; k < inner; k++) sum += a(i, k) * b(k, j);
    return sum;
  });
}

const SHAPES = [
  [1, 1, 1],
  [14, 32, 16],
  [3, 5, 7],
  [15, 33, 17],
  [22, 64, 513],
  [37, 48, 600],
  [196, 100, 64],
  [31, 2119, 300],
  [5, 3, 1100],
] as const;

describe.skipIf(missing !== null)('a matrix product in machine code', () => {
  for (const [transA, transB] of [
    [false, false],
    [false, true],
    [true, false],
  ] as const)
    it.each(SHAPES)(
      `is the product of ${transA ? "A'" : 'A'} and ${transB ? "B'" : 'B'} for %d x %d, inner %d`,
      (rows, columns, inner) => {
        const [a, b, bias] = [
          wholeNumbers(rows * inner, 1),
          wholeNumbers(inner * columns, 2),
          wholeNumbers(columns, 3),
        ];
        const expected = product(
          rows,
          columns,
          inner,
          (i, k) => (transA ? a[k * rows + i] : a[i * inner + k]) as number,
          (k, j) => (transB ? b[j * inner + k] : b[k * columns + j]) as number,
        );
        const plain = runKernel({ kind: 'gemm', rows, columns, inner, transA, transB, hasBias: false }, [a, b], 1);
        expect(plain.isInBounds).toBe(true);
        expect(Array.from(plain.outputs[0] ?? [])).toEqual(expected.map((value) => value + 0));
        const shifted = runKernel({ kind: 'gemm', rows, columns, inner, transA, transB, hasBias: true }, [a, b, bias]);
        expect(shifted.isInBounds).toBe(true);
        expect(Array.from(shifted.outputs[0] ?? [])).toEqual(
          expected.map((value, i) => value + (bias[i % columns] as number)),
        );
      },
    );

  it('gives a row the same bits wherever it stands and however many rows there are', () => {
    const [inner, columns] = [700, 50];
    const row = Float32Array.from({ length: inner }, (_, i) => Math.sin(i + 0.1));
    const b = Float32Array.from({ length: inner * columns }, (_, i) => Math.cos(i * 0.7));
    const repeated = (rows: number): Float32Array =>
      Float32Array.from({ length: rows * inner }, (_, i) => row[i % inner] as number);
    const spec = { kind: 'gemm', columns, inner, transA: false, transB: false, hasBias: false } as const;
    const [alone] = runKernel({ ...spec, rows: 1 }, [row, b]).outputs;
    for (const rows of [2, 14, 17, 45]) {
      const [all] = runKernel({ ...spec, rows }, [repeated(rows), b], 3).outputs;
      for (let i = 0; i < rows; i++) expect(all?.slice(i * columns, (i + 1) * columns)).toEqual(alone);
    }
  });
});
