import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ActivationCache } from '../../cache/activation-cache.js';
import { ActivationStore } from '../../cache/activation-store.js';
import type { ActivationTier } from '../../cache/activation-tier.js';
import { memoryScratch } from './memory-scratch.js';

const SIZE = 3;

/** A tier in ordinary memory that can be told to fail. */
class FakeTier implements ActivationTier {
  readonly depth: number;
  readonly recordFloats = SIZE;
  readonly records = new Map<number, Float32Array>();
  hits = 0;
  misses = 0;
  failure: Error | null = null;
  log: string[] = [];

  constructor(depth: number) {
    this.depth = depth;
  }
  get bytes(): number {
    return this.records.size * SIZE * 4;
  }
  has(id: number): boolean {
    return this.records.has(id);
  }
  read(id: number, out: Float32Array, row: number): boolean {
    if (this.failure !== null) throw this.failure;
    const record = this.records.get(id);
    if (record !== undefined) out.set(record, row * SIZE);
    return record !== undefined;
  }
  write(id: number, from: Float32Array, row: number): void {
    if (this.failure !== null) throw this.failure;
    this.records.set(id, from.slice(row * SIZE, (row + 1) * SIZE));
  }
  prefetch(ids: Iterable<number>): void {
    this.log.push(`prefetch ${[...ids].join(' ')}`);
  }
  close(): void {
    this.log.push('close');
  }
  unlink(): void {
    this.log.push('unlink');
  }
}

const rows = (...values: number[]): Float32Array => Float32Array.from(values.flatMap((value) => [value, value, value]));

function open(previous?: FakeTier): { cache: ActivationCache; tier: FakeTier; reasons: string[] } {
  const tier = new FakeTier(6);
  const reasons: string[] = [];
  return {
    cache: new ActivationCache({ current: tier, previous, onOff: (reason) => reasons.push(reason) }),
    tier,
    reasons,
  };
}

describe('ActivationCache', () => {
  it('finds some rows of a micro-batch and names the others; padding is neither', () => {
    const { cache } = open();
    cache.store([10, 11, -1], [0, 1, 2], rows(1, 2, 99));
    const out = new Float32Array(4 * SIZE);
    expect(cache.load([11, 12, 10, -1], out)).toEqual({ hits: 2, missing: [1] });
    expect(out).toEqual(rows(2, 0, 1, 0));
    expect([cache.hits, cache.misses, cache.bytes]).toEqual([2, 1, 2 * SIZE * 4]);
  });

  it('stores only the rows it is told to', () => {
    const { cache, tier } = open();
    cache.store(Int32Array.of(5, 6, 7), [2], rows(1, 2, 3));
    expect([...tier.records]).toEqual([[7, rows(3)]]);
  });

  it('serves what it misses from the level before, for a shorter recomputation', () => {
    const before = new FakeTier(4);
    before.write(20, rows(7), 0);
    const { cache } = open(before);
    expect(cache.previousDepth).toBe(4);
    const ids = [20, 21, -1];
    const { missing } = cache.load(ids, new Float32Array(3 * SIZE));
    const out = new Float32Array(3 * SIZE);
    expect(cache.loadPrevious(ids, missing, out)).toEqual({ hits: 1, missing: [1] });
    expect(out).toEqual(rows(7, 0, 0));
    expect(cache.misses).toBe(2);
  });

  it('has no earlier level to offer at the first depth', () => {
    const { cache } = open();
    expect(cache.previousDepth).toBeNull();
    expect(cache.loadPrevious([1, -1, 2], [0, 1, 2], new Float32Array(9))).toEqual({ hits: 0, missing: [0, 2] });
  });

  it.each(['read', 'write'])('switches itself off when a %s fails, says so once, and never throws', (kind) => {
    const before = new FakeTier(4);
    before.write(1, rows(1), 0);
    const { cache, tier, reasons } = open(before);
    cache.store([1], [0], rows(1));
    tier.failure = new Error('no space left on device');
    if (kind === 'write') cache.store([2], [0], rows(2));
    else expect(cache.load([1, -1, 2], new Float32Array(9))).toEqual({ hits: 0, missing: [0, 2] });
    tier.failure = null;
    expect(cache.isOn).toBe(false);
    cache.store([3], [0], rows(3));
    expect(cache.load([1], new Float32Array(SIZE))).toEqual({ hits: 0, missing: [0] });
    expect(cache.loadPrevious([1], [0], new Float32Array(SIZE))).toEqual({ hits: 0, missing: [0] });
    expect(tier.records.has(3)).toBe(false);
    expect(reasons).toEqual(['no space left on device']);
    expect(cache.bytes).toBe(0);
  });

  it('closes both levels, after a failure too, and stays off without a report', () => {
    const before = new FakeTier(4);
    const { cache, tier, reasons } = open(before);
    cache.close(true);
    expect([before.log, tier.log]).toEqual([
      ['close', 'unlink'],
      ['close', 'unlink'],
    ]);
    expect(cache.load([1], new Float32Array(SIZE)).missing).toEqual([0]);
    expect(reasons).toEqual([]);
  });

  it('works the same on real stores in shared memory', () => {
    const folder = memoryScratch();
    const shape = { recordFloats: SIZE, numSamples: 8, capBytes: 2 ** 16 };
    const [four, six] = [4, 6].map((depth) =>
      ActivationStore.create(join(folder, String(depth)), { ...shape, depth, digest: `d${depth}` }),
    ) as [ActivationStore, ActivationStore];
    const onOff = (reason: string): never => expect.unreachable(reason);
    new ActivationCache({ current: four, onOff }).store([0, 1, 9], [0, 1, 2], rows(1, 2, 3));
    const cache = new ActivationCache({ current: six, previous: four, onOff });
    const ids = [1, 0, 9, -1];
    const { missing } = cache.load(ids, new Float32Array(4 * SIZE));
    expect(missing).toEqual([0, 1, 2]);
    const out = new Float32Array(4 * SIZE);
    // Sample 9 is beyond the 8 samples of the store: never cached, never wrong.
    expect(cache.loadPrevious(ids, missing, out)).toEqual({ hits: 2, missing: [2] });
    expect(out.subarray(0, 2 * SIZE)).toEqual(rows(2, 1));
    cache.close(true);
  });
});
