import { describe, expect, it } from 'vitest';
import { halfWay, missingForKernels, vectorLanes } from '../../../engine/tensor/jit/cpu-features.js';

describe.skipIf(process.platform !== 'linux' || process.arch !== 'x64')('what machine code needs', () => {
  it('names what a processor lacks', () => {
    expect(missingForKernels(() => 'flags\t\t: fpu avx2 fma bmi2 avx512f avx512bw\n')).toBe(
      'this processor lacks avx512dq, avx512vl',
    );
  });

  it('of loops over elements, as wide as the vectors are', () => {
    const lanes = (flags: string) => vectorLanes(() => `flags\t\t: ${flags}\n`);
    expect(
      ['fpu avx fma', 'fpu avx2 fma avx512f', 'avx2 fma bmi2 avx512f avx512dq avx512bw avx512vl'].map(lanes),
    ).toEqual([null, 8, 16]);
  });

  it('of products of bfloat16: the fastest way that processor and kernel allow, and why no faster one', () => {
    const way = (flags: string, refused: string | null = null) =>
      halfWay(
        () => `flags\t\t: ${flags}\n`,
        () => refused,
      );
    expect(way('avx512f avx512_bf16 amx_tile amx_bf16')).toEqual({ way: 'tiles', because: null });
    expect(way('avx512f avx512_bf16 amx_tile amx_bf16', 'no leave')).toEqual({ way: 'pairs', because: 'no leave' });
    expect(way('avx512f avx512_bf16')).toEqual({
      way: 'pairs',
      because: 'this processor lacks amx_tile, amx_bf16',
    });
    expect(way('avx512f').way).toBe('widened');
  });

  it('asks the kernel for tiles only where the processor has them', () => {
    const refused = () => {
      throw new Error('asked');
    };
    expect(halfWay(() => 'flags: avx512f\n', refused).way).toBe('widened');
  });

  it('says so where the processor cannot be asked', () => {
    expect(
      missingForKernels(() => {
        throw new Error('no such file');
      }),
    ).toBe('no such file');
  });
});
