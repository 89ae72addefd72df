import { describe, expect, it } from 'vitest';
import { missing, runKernel } from './run-kernel.js';

describe.skipIf(missing !== null)('the gradient of an embedding in machine code', () => {
  it.each([
    [1, 1, 1],
    [40, 7, 16],
    [33, 5, 100],
    [9, 300, 192],
    [64, 2, 37],
  ])('adds %i rows into a table of %i, width %i, in their order', (count, rows, width) => {
    const dy = Float32Array.from({ length: count * width }, (_, i) => Math.sin(i * 1.3));
    const ids = Int32Array.from({ length: count }, (_, i) => (i * i + 3) % rows);
    const expected = new Float32Array(rows * width);
    dy.forEach((value, i) => {
      const place = (ids[Math.floor(i / width)] as number) * width + (i % width);
      expected[place] = Math.fround((expected[place] as number) + value);
    });
    for (const shift of [0, 3]) {
      const {
        outputs: [gradient],
        isInBounds,
      } = runKernel({ kind: 'embedding gradient', count, rows, width }, [dy, ids], shift);
      expect(isInBounds).toBe(true);
      expect(gradient).toEqual(expected);
    }
  });

  it('writes nowhere for an index outside the table', () => {
    const {
      outputs: [gradient],
      isInBounds,
    } = runKernel({ kind: 'embedding gradient', count: 4, rows: 3, width: 2 }, [
      Float32Array.of(1, 2, 3, 4, 5, 6, 7, 8),
      Int32Array.of(-1, 2, 3, 2 ** 31 - 1),
    ]);
    expect(isInBounds).toBe(true);
    expect([...(gradient ?? [])]).toEqual([0, 0, 0, 0, 3, 4]);
  });
});
