// Products of bfloat16 as operators of ours: what the model file says, which needs no processor that can run them.
import { describe, expect, it } from 'vitest';
import { ROUND } from '../../engine/tensor/fused/rounding.js';
import { operatorOf } from '../../engine/tensor/jit/catalogue.js';
import { lowerProgram } from '../../engine/tensor/lower.js';
import type { Program } from '../../engine/tensor/program.js';
import { Writer } from './program-writer.js';

function lowered(program: Program) {
  const { bytes, kernels } = lowerProgram(program, 1);
  const text = Buffer.from(bytes).toString('latin1');
  return { kernels: kernels.map((name) => operatorOf(name).kernel), casts: text.split('Cast').length - 1 };
}

describe('a product of bfloat16 values', () => {
  it('reads and writes them without a widening or rounding of its own', () => {
    const w = new Writer();
    const [x, weights, bias] = [w.half([2, 3, 8]), w.half([8, 5]), w.input('float32', [5])];
    const rows = w.call('Reshape', [x], { shape: [6, 8] });
    const rounded = w.call(ROUND, [w.call('PtLinear', [rows, weights, bias])]);
    const result = lowered(w.program([rounded]));
    expect(result.kernels).toEqual([
      {
        kind: 'half gemm',
        rows: 6,
        columns: 5,
        inner: 8,
        transA: false,
        transB: false,
        hasBias: true,
        rounds: true,
      },
    ]);
    expect(result.casts).toBe(0);
  });

  it('leaves float32 where more than a rounding reads it', () => {
    for (const isPort of [false, true]) {
      const w = new Writer();
      const product = w.call('BatchMatMul', [w.half([4, 3]), w.half([4, 5])], {
        transposeA: true,
        transposeB: false,
      });
      const rounded = w.call(ROUND, [product]);
      const result = lowered(w.program([rounded, isPort ? product : w.call('Neg', [product])]));
      expect(result.kernels).toEqual([expect.objectContaining({ kind: 'half gemm', transA: true, rounds: false })]);
      expect(result.casts).toBeGreaterThan(0);
    }
  });

  it('is one of float32 where an operand is that', () => {
    const w = new Writer();
    const product = w.call('PtLinear', [w.half([4, 3]), w.input('float32', [3, 5])]);
    const result = lowered(w.program([w.call(ROUND, [product])]));
    expect(result.kernels).toEqual([expect.objectContaining({ kind: 'gemm' })]);
  });

  it('is left to the runtime where there are no kernels', () => {
    const w = new Writer();
    const product = w.call('PtLinear', [w.half([4, 3]), w.half([3, 5])]);
    expect(lowerProgram(w.program([w.call(ROUND, [product])])).kernels).toEqual([]);
  });
});

describe('what goes over elements', () => {
  it('reads and writes bfloat16 values itself', () => {
    const w = new Writer();
    const [dy, x] = [w.half([4, 3]), w.input('float32', [4, 3])];
    const gradient = w.call(ROUND, [w.call('PtGeluGrad', [dy, x])]);
    const result = lowered(w.program([gradient]));
    expect(result.kernels).toEqual([
      { kind: 'gelu gradient', size: 12, halves: { reads: [true, false], writes: true } },
    ]);
    expect(result.casts).toBe(0);
  });

  it('is the kernel of float32 where nothing is bfloat16', () => {
    const w = new Writer();
    const result = lowered(w.program([w.call('PtGelu', [w.input('float32', [4, 3])])]));
    expect(result.kernels).toEqual([{ kind: 'gelu', size: 12 }]);
  });
});

describe('attention that rounds inside', () => {
  const rounding = { heads: 2, causal: true, rounds: true };

  it('multiplies bfloat16 values and leaves probabilities in bfloat16', () => {
    const w = new Writer();
    const recorder = [w.half([2, 3, 8]), w.half([2, 3, 8]), w.half([2, 3, 8])];
    const y = w.call('PtAttention', recorder, rounding);
    const result = lowered(w.program([w.call(ROUND, [y])]));
    expect(result.kernels).toEqual([expect.objectContaining({ kind: 'half attention', rounds: [true] })]);
    expect(result.casts).toBe(0);
  });

  it('is left to the runtime where an operand is not there in bfloat16', () => {
    const w = new Writer();
    const y = w.call('PtAttention', [w.half([2, 3, 8]), w.input('float32', [2, 3, 8]), w.half([2, 3, 8])], rounding);
    expect(lowered(w.program([y])).kernels).toEqual([]);
  });
});
