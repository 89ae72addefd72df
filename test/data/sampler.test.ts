import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Sampler } from '../../engine/data/sampler.js';

const numTrain = fc.integer({ min: 1, max: 300 });
const batch = fc.integer({ min: 1, max: 64 });
const seed = fc.nat();

const epochIds = (sampler: Sampler, epoch: number): number[] =>
  Array.from({ length: sampler.stepsPerEpoch }, (_, i) => [
    ...sampler.batchAt(epoch * sampler.stepsPerEpoch + i).ids,
  ]).flat();

describe('Sampler', () => {
  it('gives every sample exactly once per epoch, and padding only at the end', () => {
    fc.assert(
      fc.property(numTrain, batch, seed, fc.nat(5), (n, b, s, epoch) => {
        const sampler = new Sampler({ numTrain: n, batch: b, seed: s });
        const ids = epochIds(sampler, epoch);
        const real = ids.filter((id) => id >= 0);
        expect(ids).toHaveLength(Math.ceil(n / b) * b);
        expect([...real].sort((x, y) => x - y)).toEqual(Array.from({ length: n }, (_, i) => i));
        expect(ids.slice(0, n)).toEqual(real);
      }),
    );
  });

  it('answers a step alike whatever was asked before', () => {
    fc.assert(
      fc.property(numTrain, batch, seed, fc.array(fc.nat(2000), { minLength: 1, maxLength: 20 }), (n, b, s, steps) => {
        const shared = new Sampler({ numTrain: n, batch: b, seed: s });
        for (const step of steps)
          expect(shared.batchAt(step)).toEqual(new Sampler({ numTrain: n, batch: b, seed: s }).batchAt(step));
      }),
    );
  });

  it('shuffles afresh in every epoch and for every seed', () => {
    const sampler = new Sampler({ numTrain: 100, batch: 10, seed: 1 });
    expect(epochIds(sampler, 0)).not.toEqual(epochIds(sampler, 1));
    expect(epochIds(sampler, 0)).not.toEqual(epochIds(new Sampler({ numTrain: 100, batch: 10, seed: 2 }), 0));
    expect(epochIds(sampler, 0)).not.toEqual(Array.from({ length: 100 }, (_, i) => i));
  });

  it('names the epoch of a step', () => {
    const sampler = new Sampler({ numTrain: 10, batch: 4, seed: 1 });
    expect([0, 2, 3, 5, 6].map((step) => sampler.batchAt(step).epoch)).toEqual([0, 0, 1, 1, 2]);
  });

  it('keeps the order of steps stable between releases, so that old runs can be resumed', () => {
    expect([...new Sampler({ numTrain: 10, batch: 5, seed: 7 }).batchAt(0).ids]).toEqual(GOLDEN);
  });

  it('goes through the validation samples in order, once', () => {
    fc.assert(
      fc.property(numTrain, fc.nat(200), batch, (n, v, b) => {
        const sampler = new Sampler({ numTrain: n, numValidation: v, batch: 1, seed: 0 });
        const ids = Array.from({ length: Math.ceil(v / b) }, (_, i) => [...sampler.validationBatch(i, b)]).flat();
        expect(ids.slice(0, v)).toEqual(Array.from({ length: v }, (_, i) => n + i));
        expect(ids.slice(v).every((id) => id === -1)).toBe(true);
        expect(ids.length - v).toBeLessThan(b);
      }),
    );
  });
});

// Written down from the first release.
const GOLDEN = [1, 0, 5, 8, 9];
