// Programs of a bf16 run with our kernels against the same programs without: numbers that both compute exactly, and
// buffers of bfloat16 through the runtime.
import { describe, expect, it } from 'vitest';
import { ROUND, WIDEN } from '../../engine/tensor/fused/rounding.js';
import { OrtCpuExecutor } from '../../engine/tensor/ort-cpu.js';
import type { Program } from '../../engine/tensor/program.js';
import { type HostArray, hostArray } from '../../engine/tensor/shape.js';
import { narrowed } from './jit/halves.js';
import { missing, wholeNumbers } from './jit/run-kernel.js';
import { Writer } from './program-writer.js';

function outputsOf(program: Program, inputs: readonly HostArray[], kernels: 'auto' | 'off'): HostArray[] {
  const executor = new OrtCpuExecutor({ threads: 2, kernels });
  try {
    const outputs = program.outputs.map(({ dtype, shape }) => hostArray(dtype, shape));
    const loaded = executor.load(program);
    loaded.bind(inputs, outputs).run();
    loaded.free();
    return outputs;
  } finally {
    executor.close();
  }
}

describe.skipIf(missing !== null)('a program of bfloat16 values', () => {
  it('has the results of the runtime: a layer and its gradients', () => {
    const w = new Writer();
    const [rows, inner, columns] = [36, 40, 70];
    const [x, weights, dy] = [w.half([2, rows / 2, inner]), w.half([inner, columns]), w.half([rows, columns])];
    const bias = w.input('float32', [columns]);
    const flat = w.call('Reshape', [x], { shape: [rows, inner] });
    const y = w.call(ROUND, [w.call('PtLinear', [flat, weights, bias])]);
    const shifted = w.call('Relu', [w.call(WIDEN, [y])]);
    const dx = w.call(ROUND, [w.call('BatchMatMul', [dy, weights], { transposeA: false, transposeB: true })]);
    const dw = w.call('BatchMatMul', [flat, dy], { transposeA: true, transposeB: false });
    const program = w.program([y, shifted, dx, dw]);
    const inputs = [
      narrowed(wholeNumbers(rows * inner, 1)),
      narrowed(wholeNumbers(inner * columns, 2)),
      narrowed(wholeNumbers(rows * columns, 3)),
      wholeNumbers(columns, 4),
    ];
    expect(outputsOf(program, inputs, 'auto')).toEqual(outputsOf(program, inputs, 'off'));
  });
});
