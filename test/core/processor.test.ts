import { describe, expect, it } from 'vitest';
import { processorDifference, processorKind, vectorFlags } from '../../engine/core/processor.js';
import { requireProcessor } from '../../engine/worker/join-setup.js';

describe('the kind of a processor', () => {
  it('is its vector instructions, whatever else it has and in whatever order', () => {
    expect(
      vectorFlags('processor\t: 0\nflags\t\t: fpu vme avx2 fma sse4_2 avx512f pku avx2\nbugs\t\t: spectre_v1\n'),
    ).toEqual(['avx2', 'avx512f', 'fma', 'sse4_2']);
    expect(vectorFlags('processor\t: 0\nFeatures\t: fp asimd evtstrm sve2 bf16\n')).toEqual(['asimd', 'bf16', 'sve2']);
    expect(vectorFlags('nothing of the kind')).toEqual([]);
  });

  it('is the same on one machine, and another one is refused with what differs', () => {
    expect(() => requireProcessor(processorKind(), processorKind())).not.toThrow();
    expect(processorDifference('x64 avx avx2', 'x64 avx avx512f')).toBe('only here: avx2; only there: avx512f');
    expect(() => requireProcessor('x64 avx', 'x64 avx avx2')).toThrow(
      expect.objectContaining({
        code: 'PT_JOIN_DEVICE',
        message: expect.stringContaining('only here: nothing; only there: avx2') as string,
      }) as Error,
    );
  });
});
