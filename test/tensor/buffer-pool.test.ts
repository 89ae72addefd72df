import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { InvariantError } from '../../engine/core/invariant.js';
import { BufferPool, sizeClass } from '../../engine/tensor/buffer-pool.js';
import { addressOf } from '../../engine/tensor/native.js';

const MIB = 2 ** 20;

describe('sizeClass', () => {
  it('holds the bytes, wastes at most a quarter (or a cache line), and is a whole number of cache lines', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 2 ** 40 }), (bytes) => {
        const size = sizeClass(bytes);
        expect(size).toBeGreaterThanOrEqual(bytes);
        expect(size - bytes).toBeLessThanOrEqual(Math.max(63, bytes / 4));
        expect(size % 64).toBe(0);
        expect(sizeClass(size)).toBe(size);
      }),
    );
  });

  it('has few classes', () => {
    const classes = new Set(Array.from({ length: 20_000 }, (_, i) => sizeClass(4 * (i + 1))));
    // 80 000 bytes are about 8.3 doublings above 256 bytes, four classes each, and four classes below.
    expect(classes.size).toBeLessThanOrEqual(40);
  });
});

describe('BufferPool', () => {
  it('lends views of the exact length over aligned memory', () => {
    const pool = new BufferPool(MIB);
    for (const length of [0, 1, 3, 16, 17, 1000, 12_345]) {
      const view = pool.acquire('float32', length);
      expect(view).toBeInstanceOf(Float32Array);
      expect(view.length).toBe(length);
      expect(addressOf(view) % 64n).toBe(0n);
    }
    expect(pool.acquire('int32', 5)).toBeInstanceOf(Int32Array);
  });

  it('reuses memory of the same class across shapes and element types', () => {
    const pool = new BufferPool(MIB);
    const one = pool.acquire('float32', 1000);
    pool.release(one);
    const two = pool.acquire('int32', 1001);
    expect(two.buffer).toBe(one.buffer);
    expect([pool.liveCount, pool.idleBytes]).toEqual([1, 0]);
  });

  it('never lends the same memory twice at once, and counts what is live', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.boolean(), fc.integer({ min: 0, max: 3000 })), { maxLength: 60 }),
        fc.integer({ min: 0, max: 30_000 }),
        (steps, cap) => {
          const pool = new BufferPool(cap);
          const live: Float32Array[] = [];
          for (const [isRelease, n] of steps) {
            const view = isRelease ? live.splice(n % Math.max(1, live.length), 1)[0] : undefined;
            if (view !== undefined) pool.release(view);
            else live.push(pool.acquire('float32', n));
            expect(pool.liveCount).toBe(live.length);
            expect(pool.liveBytes).toBe(live.reduce((sum, { byteLength }) => sum + sizeClass(byteLength), 0));
            expect(new Set(live.map((held) => held.buffer)).size).toBe(live.length);
            // Idle memory gives way to live memory.
            expect(pool.liveBytes + pool.idleBytes).toBeLessThanOrEqual(Math.max(cap, pool.liveBytes));
          }
          for (const view of live) pool.release(view);
          expect([pool.liveCount, pool.liveBytes]).toEqual([0, 0]);
        },
      ),
    );
  });

  it('drops the oldest idle memory first', () => {
    const pool = new BufferPool(2 * sizeClass(4000) + sizeClass(400));
    const [a, b, c] = [1000, 1000, 100].map((n) => pool.acquire('float32', n)) as [
      Float32Array,
      Float32Array,
      Float32Array,
    ];
    for (const view of [a, b, c]) pool.release(view);
    pool.acquire('float32', 200);
    expect(pool.acquire('float32', 100).buffer).toBe(c.buffer);
    expect(pool.acquire('float32', 1000).buffer).toBe(b.buffer);
  });

  it('keeps nothing with a cap of zero', () => {
    const pool = new BufferPool(0);
    pool.release(pool.acquire('float32', 10));
    expect([pool.idleBytes, pool.liveBytes]).toEqual([0, 0]);
  });

  it('refuses buffers that are not lent', () => {
    const pool = new BufferPool(MIB);
    const view = pool.acquire('float32', 4);
    pool.release(view);
    expect(() => pool.release(view)).toThrow(InvariantError);
    expect(() => pool.release(new Float32Array(4))).toThrow(InvariantError);
  });
});
