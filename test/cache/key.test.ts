import { describe, expect, it } from 'vitest';
import { type CacheLevel, levelDigest, weightsDigest } from '../../cache/key.js';

const level: CacheLevel = { depth: 4, weights: 'aa', augmentation: 'none', codec: 'f32' };

describe('cache keys', () => {
  it('differ where anything differs that the activation depends on', () => {
    const digests = [
      level,
      { ...level, depth: 5 },
      { ...level, weights: 'ab' },
      { ...level, augmentation: 'flip/1' },
    ].map(levelDigest);
    expect(new Set(digests).size).toBe(4);
    expect(levelDigest({ ...level })).toBe(digests[0]);
    expect(digests[0]).toMatch(/^[0-9a-f]{64}$/);
  });

  it('do not confuse fields that read alike when joined', () => {
    expect(levelDigest({ ...level, weights: 'a","b', augmentation: 'c' })).not.toBe(
      levelDigest({ ...level, weights: 'a', augmentation: 'b","c' }),
    );
  });

  it('tell any change of the weights, and where one block ends', () => {
    const digest = weightsDigest([Float32Array.of(1, 2), Float32Array.of(3)]);
    expect(weightsDigest([Float32Array.of(1, 2), Float32Array.of(3)])).toBe(digest);
    expect(weightsDigest([Float32Array.of(0, 1, 2, 9).subarray(1, 3), Float32Array.of(3)])).toBe(digest);
    for (const other of [
      [Float32Array.of(1), Float32Array.of(2, 3)],
      [Float32Array.of(1, 2, 3)],
      [Float32Array.of(1, -2), Float32Array.of(3)],
    ])
      expect(weightsDigest(other)).not.toBe(digest);
  });
});
