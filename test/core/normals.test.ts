// Many normals at once are those of one draw at a time, to the bit.
import { describe, expect, it } from 'vitest';
import { fillNormal } from '../../engine/core/normals.js';
import { normalAt, randomKey } from '../../engine/core/random.js';

const bytesOf = (numbers: Float32Array): Buffer => Buffer.from(numbers.buffer, numbers.byteOffset, numbers.byteLength);

/** As `fillNormal`, one by one. */
const oneByOne = (seed: number, scale: number, n: number): Float32Array => {
  const key = randomKey(seed, 'normals');
  return Float32Array.from({ length: n }, (_, i) => scale * normalAt(key, i));
};

describe('many normals at once', () => {
  // Some hundred draws of each seed are small radii, and some are too near to the middle of two numbers of 32 bits.
  it.each([
    [1, 0.02],
    [2, -3],
    [3, 1e-30],
    [4, 1e-44],
    [5, 0],
    [6, 1e38],
  ])('have the bits of one draw at a time (seed %d, scale %d)', (seed, scale) => {
    const many = new Float32Array(300_000);
    fillNormal(randomKey(seed, 'normals'), scale, many);
    expect(bytesOf(many).equals(bytesOf(oneByOne(seed, scale, many.length)))).toBe(true);
  });

  it('are the same in pieces, and touch nothing beside', () => {
    const pieces = new Float32Array(1000).fill(7);
    const key = randomKey(9, 'normals');
    fillNormal(key, 2, pieces, { from: 100, first: 0, n: 300 });
    fillNormal(key, 2, pieces, { from: 400, first: 300, n: 500 });
    expect([...pieces.subarray(100, 900)]).toEqual([...oneByOne(9, 2, 800)]);
    expect([...pieces.subarray(0, 100), ...pieces.subarray(900)].every((value) => value === 7)).toBe(true);
  });
});
