import { describe, expect, it } from 'vitest';
import { expectedReads } from '../../engine/planning/cache-reads.js';

describe('how often a cached record will be read', () => {
  it('is once per epoch after the one that fills', () => {
    expect(expectedReads({ numSamples: 100 }, 4)).toBe(3);
    expect(expectedReads({ numSamples: 100 }, 0.5)).toBe(0);
  });
  it('is once per round of the views', () => {
    expect(expectedReads({ numSamples: 300, numViews: 3 }, 6)).toBe(1);
    expect(expectedReads({ numSamples: 300, numViews: 3 }, 3)).toBe(0);
    expect(expectedReads({ numSamples: 300, numViews: null }, 50)).toBe(0);
  });
  it('counts the validation samples by how often they are looked at, the end of the run included', () => {
    // 80 training samples never again, 20 validation samples at the end of three more quarters.
    expect(expectedReads({ numSamples: 100, numValidation: 20, validationsPerEpoch: 4 }, 1)).toBe(0.6);
    expect(expectedReads({ numSamples: 100, numValidation: 20, validationsPerEpoch: 0 }, 3)).toBe(1.6);
  });
});
