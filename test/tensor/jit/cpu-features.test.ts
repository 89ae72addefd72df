import { describe, expect, it } from 'vitest';
import { missingForKernels } from '../../../engine/tensor/jit/cpu-features.js';

describe.skipIf(process.platform !== 'linux' || process.arch !== 'x64')('what machine code needs', () => {
  it('names what a processor lacks', () => {
    expect(missingForKernels(() => 'flags\t\t: fpu avx2 fma bmi2 avx512f avx512bw\n')).toBe('this processor lacks avx512dq, avx512vl');
  });

  it('says so where the processor cannot be asked', () => {
    expect(missingForKernels(() => { throw new Error('no such file'); })).toBe('no such file');
  });
});
