import { describe, expect, it } from 'vitest';
import type { HalfWay } from '../../../engine/tensor/jit/cpu-features.js';
import type { HalfGemmSpec } from '../../../engine/tensor/jit/half-gemm.js';
import { narrowed, widened } from './halves.js';
import { missingForWay, runKernel, wholeNumbers } from './run-kernel.js';

type Matrices = Pick<HalfGemmSpec, 'rows' | 'columns' | 'inner' | 'transA' | 'transB'>;

const WAYS: readonly HalfWay[] = ['tiles', 'pairs', 'widened'];
const LAYOUTS = [
  [false, false],
  [false, true],
  [true, false],
] as const;
/** Full and partial blocks, tiles, vectors and pairs; several chunks of columns (the last one). */
const SHAPES = [
  [1, 1, 1],
  [32, 32, 32],
  [3, 5, 7],
  [16, 16, 64],
  [33, 65, 31],
  [47, 48, 98],
  [64, 100, 160],
  [3, 300, 2049],
] as const;

/** The product by its definition in 64 bits, and the sum of the sizes of what is added. */
function product({ rows, columns, inner, transA, transB }: Matrices, a: Float32Array, b: Float32Array) {
  const sums = new Float64Array(rows * columns);
  const sizes = new Float64Array(rows * columns);
  for (let i = 0; i < rows; i++)
    for (let k = 0; k < inner; k++) {
      const x = (transA ? a[k * rows + i] : a[i * inner + k]) as number;
      for (let j = 0; j < columns; j++) {
        const term = x * ((transB ? b[j * inner + k] : b[k * columns + j]) as number);
        sums[i * columns + j] = (sums[i * columns + j] as number) + term;
        sizes[i * columns + j] = (sizes[i * columns + j] as number) + Math.abs(term);
      }
    }
  return { sums, sizes };
}

/** Whole numbers and their product, the same for every way. */
const exactProduct = memoized((spec: Matrices) => {
  const [a, b] = [wholeNumbers(spec.rows * spec.inner, 1), wholeNumbers(spec.inner * spec.columns, 2)];
  return { halves: [narrowed(a), narrowed(b)] as const, ...product(spec, a, b) };
});

function memoized<Key, Value>(make: (key: Key) => Value): (key: Key) => Value {
  const made = new Map<string, Value>();
  return (key) => {
    const name = JSON.stringify(key);
    const value = made.get(name) ?? make(key);
    made.set(name, value);
    return value;
  };
}

const run = <Output extends Float32Array | Uint16Array = Float32Array>(
  spec: Matrices & { readonly hasBias: boolean; readonly rounds: boolean },
  inputs: readonly (Float32Array | Uint16Array)[],
  options: { readonly way: HalfWay; readonly threads?: number; readonly shift?: number },
) => runKernel<Output>({ kind: 'half gemm', ...spec }, inputs, options.shift ?? 0, options.threads ?? 1, options.way);

const waves = (length: number, speed: number): Float32Array =>
  widened(narrowed(Float32Array.from({ length }, (_, i) => Math.sin(i * speed + 0.3) * 2 ** (i % 5))));

for (const way of WAYS) {
  const lacks = missingForWay(way);
  if (lacks !== null) console.warn(`the tests of products of bfloat16 by ${way} are skipped: ${lacks}`);
  describe.skipIf(lacks !== null)(`a product of bfloat16 matrices by ${way}`, () => {
    for (const [transA, transB] of LAYOUTS)
      it.each(SHAPES)(
        `is exact for whole numbers, ${transA ? "A'" : 'A'} ${transB ? "B'" : 'B'} %d x %d, inner %d`,
        (rows, columns, inner) => {
          const bias = wholeNumbers(columns, 3);
          const spec = { rows, columns, inner, transA, transB };
          const { halves, sums } = exactProduct(spec);
          const plain = run({ ...spec, hasBias: false, rounds: false }, halves, { way, shift: 1 });
          expect(plain.isInBounds).toBe(true);
          expect(plain.outputs[0]).toEqual(Float32Array.from(sums, (value) => value + 0));
          const shifted = run<Uint16Array>({ ...spec, hasBias: true, rounds: true }, [...halves, bias], { way });
          expect(shifted.isInBounds).toBe(true);
          expect(shifted.outputs[0]).toEqual(
            narrowed(Float32Array.from(sums, (value, i) => value + (bias[i % columns] as number))),
          );
        },
      );

    it('is off by no more than its additions can round, and rounds to the nearest bfloat16', () => {
      const spec = { rows: 35, columns: 70, inner: 333, transA: false, transB: true, hasBias: false };
      const [a, b] = [waves(35 * 333, 0.37), waves(70 * 333, 0.91)];
      const halves = [narrowed(a), narrowed(b)];
      const { sums, sizes } = product(spec, a, b);
      const [out] = run({ ...spec, rounds: false }, halves, { way }).outputs as [Float32Array];
      // Products of two bfloat16 are exact in float32. Each of at most inner + 2 additions (two chains and their sum)
      // rounds by half a unit of what it has so far, which is at most the sum of sizes.
      const bound = (spec.inner + 2) * 2 ** -24 * 1.01;
      out.forEach((value, i) => {
        expect(Math.abs(value - (sums[i] as number))).toBeLessThanOrEqual(bound * (sizes[i] as number));
      });
      const [rounded] = run<Uint16Array>({ ...spec, rounds: true }, halves, { way }).outputs;
      expect(rounded).toEqual(narrowed(out));
    });

    it('has the same bits for every number of threads, and a row wherever it stands', () => {
      const [columns, inner] = [130, 77];
      const base = { columns, inner, transA: false, transB: false, hasBias: false, rounds: false };
      const [a, b] = [narrowed(waves(40 * inner, 0.37)), narrowed(waves(columns * inner, 0.91))];
      const [one] = run({ ...base, rows: 40 }, [a, b], { way }).outputs;
      for (const threads of [2, 3, 16])
        expect(run({ ...base, rows: 40 }, [a, b], { way, threads }).outputs[0]).toEqual(one);
      for (const [from, to] of [
        [0, 1],
        [3, 20],
        [39, 40],
      ] as const) {
        const [part] = run({ ...base, rows: to - from }, [a.slice(from * inner, to * inner), b], { way }).outputs;
        expect(part).toEqual(one?.slice(from * columns, to * columns));
      }
    });

    it('keeps what is not a number', () => {
      const spec = { rows: 2, columns: 2, inner: 2, transA: false, transB: false, hasBias: false, rounds: true };
      const [a, b] = [Float32Array.of(Number.NaN, 1, 1, 1), Float32Array.of(1, 1, 1, 1)];
      const [out] = run<Uint16Array>(spec, [narrowed(a), narrowed(b)], { way }).outputs as [Uint16Array];
      expect(Array.from(widened(out))).toEqual([Number.NaN, Number.NaN, 2, 2]);
    });
  });
}
