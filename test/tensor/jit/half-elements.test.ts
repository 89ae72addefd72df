// Kernels over elements with arrays of bfloat16: the numbers of the kernel in float32, rounded where they are written.
import { describe, expect, it } from 'vitest';
import type { KernelSpec } from '../../../engine/tensor/jit/catalogue.js';
import type { HalfWay } from '../../../engine/tensor/jit/cpu-features.js';
import { narrowed, widened } from './halves.js';
import { missingForWay, runKernel } from './run-kernel.js';

const waves = (length: number, speed: number): Float32Array =>
  widened(narrowed(Float32Array.from({ length }, (_, i) => 3 * Math.sin(i * speed + speed))));

const [rows, width] = [11, 83];
const size = rows * width;
const CASES: readonly {
  readonly spec: KernelSpec;
  readonly inputs: readonly Float32Array[];
  readonly numHalves: number;
}[] = [
  { spec: { kind: 'gelu', size: 2100 }, inputs: [waves(2100, 0.37)], numHalves: 1 },
  { spec: { kind: 'gelu gradient', size: 2100 }, inputs: [waves(2100, 0.37), waves(2100, 0.53)], numHalves: 2 },
  {
    spec: { kind: 'layer norm', rows, width, epsilon: 1e-5 },
    inputs: [waves(size, 0.37), waves(width, 0.53), waves(width, 0.71)],
    numHalves: 1,
  },
  {
    spec: { kind: 'layer norm gradient', rows, width },
    inputs: [
      waves(size, 0.37),
      waves(size, 0.53),
      waves(width, 0.71),
      waves(rows, 0.91),
      waves(rows, 0.11).map((value) => Math.abs(value) + 0.5),
    ],
    numHalves: 2,
  },
];

for (const way of ['pairs', 'widened'] satisfies HalfWay[])
  describe.skipIf(missingForWay(way) !== null)(`arrays of bfloat16 with the instructions of ${way}`, () => {
    it.each(CASES)('are read and written by the kernel $spec.kind', ({ spec, inputs, numHalves }) => {
      const plain = runKernel(spec, inputs).outputs;
      const first = plain[0] as Float32Array;
      for (const writes of [false, true])
        for (let which = 0; which < 2 ** numHalves; which++) {
          const reads = Array.from({ length: numHalves }, (_, i) => (which >> i) % 2 === 1);
          const given = inputs.map((input, i) => (reads[i] === true ? narrowed(input) : input));
          const halves = { ...spec, halves: { reads, writes } } as KernelSpec;
          for (const threads of [1, 2]) {
            const { outputs, isInBounds } = runKernel<Float32Array | Uint16Array>(halves, given, 1, threads, way);
            expect(isInBounds).toBe(true);
            expect(outputs).toEqual([writes ? narrowed(first) : first, ...plain.slice(1)]);
          }
        }
    });
  });
