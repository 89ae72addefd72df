import { describe, expect, it } from 'vitest';
import { missingForKernels, vectorLanes } from '../../../engine/tensor/jit/cpu-features.js';

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

  it('says so where the processor cannot be asked', () => {
    expect(
      missingForKernels(() => {
        throw new Error('no such file');
      }),
    ).toBe('no such file');
  });
});
