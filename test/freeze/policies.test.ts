import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { UsageError } from '../../engine/core/errors.js';
import { alphaSchedule } from '../../freeze/alpha.js';
import { parseFreezeSchedule } from '../../freeze/manual.js';
import type { FreezeInput } from '../../freeze/policy.js';
import { freezePolicyNames, makeFreezePolicy } from '../../freeze/registry.js';

const input: FreezeInput = { interval: 1, step: 100, frozenLayers: 0, numLayers: 12, layerNorms: Array.from({ length: 12 }, () => 1), maxLayers: 12 };
const policy = (name: (typeof freezePolicyNames)[number], alpha = 1 / 3, schedule = '100:2,200:4') => makeFreezePolicy(name, { alpha, schedule });
/** Norms 1, but the given ones (1-based layers). */
const normsWith = (changes: Readonly<Record<number, number>>): number[] => Array.from({ length: 12 }, (_, i) => changes[i + 1] ?? 1);

describe('the bound alone', () => {
  it.each([
    [1 / 5, [0, 3, 5, 6, 8, 9, 9, 10, 10, 11]],
    [1 / 4, [0, 3, 6, 7, 9, 10, 10, 11, 11, 12]],
    [1 / 3, [0, 4, 7, 9, 10, 11, 11, 12, 12, 12]],
    [2 / 5, [0, 5, 8, 10, 11, 12, 12, 12, 12, 12]],
    [1 / 2, [0, 6, 9, 11, 12, 12, 12, 12, 12, 12]],
  ])('with alpha %d freezes the published number of 12 layers per epoch', (alpha, published) => {
    expect(published.map((_, T) => alphaSchedule(alpha, 12, T))).toEqual(published);
    let frozenLayers = 0;
    for (const [T, layers] of published.entries()) {
      if (T === 0) continue;
      frozenLayers = policy('alpha', alpha).decide({ ...input, interval: T, frozenLayers, layerNorms: [] }).layers;
      expect(frozenLayers).toBe(layers);
    }
  });

  it('follows the layers of the model: 0, 8, 14 of 24', () => {
    expect([0, 1, 2].map((T) => alphaSchedule(1 / 3, 24, T))).toEqual([0, 8, 14]);
  });

  it('does not round a whole number up', () => {
    // 10 (1 - 0.9) and 20 (1 - 0.95) come out a hair above 1 in floating point.
    for (let n = 2; n <= 64; n++) expect(alphaSchedule(1 / n, n, 1)).toBe(1);
  });

  it('is the recurrence of Eq. 1, whose other written forms it equals', () => {
    fc.assert(
      fc.property(fc.double({ min: 0.01, max: 0.99, noNaN: true }), fc.integer({ min: 1, max: 48 }), fc.integer({ min: 1, max: 20 }), (alpha, L, T) => {
        let x = 0;
        for (let t = 0; t < T; t++) x += alpha * (L - x);
        // 10 digits: twenty multiplications of doubles.
        expect(L * (1 - (1 - alpha) ** T)).toBeCloseTo(x, 10);
        expect(Math.abs(alphaSchedule(alpha, L, T) - x)).toBeLessThan(1 + 1e-8);
        expect(alphaSchedule(alpha, L, T)).toBeGreaterThan(x - 1e-8);
      }),
    );
  });
});

describe('Eq. 1 of the paper', () => {
  it('freezes up to the layer with the smallest gradient norm, that layer included', () => {
    expect(policy('paper').decide({ ...input, layerNorms: normsWith({ 3: 0.2 }) }).layers).toBe(3);
    expect(policy('paper').decide({ ...input, layerNorms: normsWith({ 1: 0.2 }) }).layers).toBe(1);
  });

  it('freezes at most the share alpha of the active layers, rounded up', () => {
    const layerNorms = normsWith({ 12: 0.1 });
    const layers: number[] = [];
    for (let T = 1, frozenLayers = 0; T <= 7; T++) layers.push((frozenLayers = policy('paper').decide({ ...input, interval: T, frozenLayers, layerNorms }).layers));
    // ceil of 0 + 12/3, 4 + 8/3, 7 + 5/3, 9 + 3/3, 10 + 2/3, 11 + 1/3
    expect(layers).toEqual([4, 7, 9, 10, 11, 12, 12]);
  });

  it('does not look at layers that are frozen', () => {
    expect(policy('paper').decide({ ...input, frozenLayers: 4, layerNorms: normsWith({ 1: 0, 2: 0, 3: 0, 4: 0, 6: 0.5 }) }).layers).toBe(6);
  });

  it('takes the lowest of equal norms', () => {
    expect(policy('paper').decide(input).layers).toBe(1);
  });

  it('ignores norms that are not finite', () => {
    expect(policy('paper').decide({ ...input, layerNorms: normsWith({ 1: NaN, 2: Infinity, 3: 5, 4: 0.5 }) }).layers).toBe(4);
  });

  it('stays where no gradient was seen or no layer is active', () => {
    expect(policy('paper').decide({ ...input, frozenLayers: 2, layerNorms: [] })).toEqual({ layers: 2, reason: 'stays at 2 of 12 frozen layers: no gradient of an active layer was seen in this interval' });
    expect(policy('paper').decide({ ...input, frozenLayers: 12 }).reason).toContain('no layer is active');
  });

  it('gives the numbers as its reason', () => {
    expect(policy('paper').decide({ ...input, frozenLayers: 4, layerNorms: normsWith({ 9: 0.125 }), maxLayers: 6 })).toEqual({
      layers: 6,
      reason: 'freezes 6 of 12 layers (4 before): the bound with alpha 0.333 is ceil(4 + 0.333 * 8) = 7, the smallest gradient norm is 0.125 at layer 9 of 12; at most 6 may be frozen',
    });
  });
});

describe('the manual policy', () => {
  it('follows its schedule and must be asked after every step', () => {
    const manual = policy('manual');
    expect(manual.everyStep).toBe(true);
    expect([0, 99, 100, 150, 200, 999].map((step) => manual.decide({ ...input, step }).layers)).toEqual([0, 0, 2, 2, 4, 4]);
    expect(manual.decide({ ...input, step: 150 }).reason).toBe('freezes 2 of 12 layers (0 before): the schedule says 2 layers from step 100, this is step 150');
  });

  it('says when the schedule asks for more than is allowed', () => {
    expect(policy('manual', 0.5, '1:9').decide({ ...input, maxLayers: 5 })).toMatchObject({ layers: 5, reason: expect.stringContaining('at most 5 may be frozen') as string });
  });

  it('reads pairs with free spacing', () => {
    expect(parseFreezeSchedule(' 100:2, 200 : 4 ')).toEqual([{ step: 100, layers: 2 }, { step: 200, layers: 4 }]);
  });

  it.each([
    ['', 'has no schedule'],
    ['100', '"100" in the freeze schedule is not STEP:LAYERS'],
    ['100:2,x:3', '"x:3"'],
    ['100:2,', '""'],
    ['100:-2', '"100:-2"'],
    ['100:2,100:3', '"100:3" in the freeze schedule comes at step 100, not after step 100'],
    ['100:4,200:2', '"200:2" in the freeze schedule goes back from 4 to 2 layers'],
  ])('refuses "%s" by the pair', (text, message) => {
    expect(() => policy('manual', 0.5, text)).toThrow(UsageError);
    expect(() => policy('manual', 0.5, text)).toThrow(message);
  });
});

describe('every policy', () => {
  const inputs = fc.record({
    name: fc.constantFrom(...freezePolicyNames),
    alpha: fc.double({ min: 0.01, max: 0.99, noNaN: true }),
    numLayers: fc.integer({ min: 1, max: 48 }),
    maxLayers: fc.nat(60),
    norms: fc.array(fc.array(fc.double({ min: 0, max: 1e3, noNaN: true }), { minLength: 48, maxLength: 48 }), { minLength: 1, maxLength: 8 }),
  });

  it('only ever freezes more, never more than allowed, in whole layers and with a reason', () => {
    fc.assert(
      fc.property(inputs, ({ name, alpha, numLayers, maxLayers, norms }) => {
        let frozenLayers = 0;
        for (const [i, layerNorms] of norms.entries()) {
          const { layers, reason } = policy(name, alpha).decide({ interval: i + 1, step: (i + 1) * 50, frozenLayers, numLayers, maxLayers, layerNorms: layerNorms.slice(0, numLayers) });
          expect(Number.isInteger(layers)).toBe(true);
          expect(layers).toBeGreaterThanOrEqual(frozenLayers);
          expect(layers).toBeLessThanOrEqual(Math.min(maxLayers, numLayers));
          expect(reason).toMatch(/^(freezes|stays at) \d+ of \d+ .*: .+/);
          frozenLayers = layers;
        }
        if (name === 'none') expect(frozenLayers).toBe(0);
      }),
    );
  });

  it('keeps what is frozen even where more is frozen than now allowed', () => {
    for (const name of freezePolicyNames) expect(policy(name).decide({ ...input, frozenLayers: 6, maxLayers: 3, interval: 5 }).layers).toBe(6);
  });

  it('answers the same to the same question', () => {
    for (const name of freezePolicyNames) expect(policy(name).decide(input)).toEqual(policy(name).decide(input));
  });
});
