import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { shouldCache } from '../../cache/admission.js';

const base = {
  recomputeMs: 2,
  readMs: 0.1,
  writeMs: 0.2,
  expectedReads: 3,
  recordBytes: 2 ** 20,
  numSamples: 100,
  capBytes: 2 ** 30,
};

describe('cache admission', () => {
  it('says yes with its numbers where reading is faster', () => {
    expect(shouldCache(base)).toEqual({
      isOn: true,
      cachedSamples: 100,
      savedMs: 100 * (3 * (2 - 0.1) - 0.2),
      reason:
        'read 0.100 ms against recompute 2.00 ms per sample; 3 reads save 5.50 ms per sample after writing ' +
        '(0.200 ms); all 100 samples fit into 1024 MiB',
    });
  });

  it.each([
    ['reading is not faster', { readMs: 2 }, 'reading is not faster: read 2.00 ms against recompute 2.00 ms'],
    [
      'the write is never earned back',
      { expectedReads: 0.1 },
      '0.1 reads save 0.190 ms per sample, writing costs 0.200 ms',
    ],
    ['nothing is read again', { expectedReads: 0 }, 'no sample will be read again'],
    ['no record fits', { capBytes: 2 ** 19 }, 'no record of 1 MiB fits into 0.5 MiB'],
    ['there are no samples', { numSamples: 0 }, 'no record'],
    ['a time was not measured', { recomputeMs: NaN }, 'the times are not known'],
  ])('says no where %s', (_, change, reason) => {
    const decision = shouldCache({ ...base, ...change });
    expect(decision.isOn).toBe(false);
    expect(decision.reason).toContain(reason);
  });

  it('says yes for a last time where the level before saves more than the write costs', () => {
    expect(shouldCache({ ...base, expectedReads: 0, inheritedMs: 1.5 })).toMatchObject({
      isOn: true,
      savedMs: 100 * (1.5 - 0.2),
    });
    expect(shouldCache({ ...base, expectedReads: 0, inheritedMs: 0.1 }).isOn).toBe(false);
  });

  it('counts only the samples that fit', () => {
    const decision = shouldCache({ ...base, capBytes: 10 * 2 ** 20 });
    expect(decision.cachedSamples).toBe(10);
    expect(decision.reason).toContain('10 of 100 samples fit into 10 MiB');
  });

  it('never says yes to a loss, and always to a gain', () => {
    const time = fc.double({ min: 0, max: 100, noNaN: true });
    fc.assert(
      fc.property(
        time,
        time,
        time,
        fc.integer({ min: 0, max: 50 }),
        fc.integer({ min: 1, max: 1000 }),
        (recomputeMs, readMs, writeMs, expectedReads, numSamples) => {
          const decision = shouldCache({ ...base, recomputeMs, readMs, writeMs, expectedReads, numSamples });
          expect(decision.isOn).toBe(decision.savedMs > 0);
        },
      ),
    );
  });
});
