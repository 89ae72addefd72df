import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { UsageError } from '../../engine/core/errors.js';
import { alphaSchedule } from '../../freeze/alpha.js';
import { annealedRate, restAt } from '../../freeze/anneal.js';
import { percentile } from '../../freeze/change.js';
import { parseFreezeSchedule } from '../../freeze/manual.js';
import type { FreezeInput } from '../../freeze/policy.js';
import { FREEZE_POLICIES } from '../../freeze/registry.js';

const input: FreezeInput = {
  interval: 1,
  step: 100,
  frozenLayers: 0,
  numLayers: 12,
  totalSteps: 1000,
  numSamples: 10_000,
  layerNorms: Array.from({ length: 12 }, () => 1),
  previousNorms: [],
  maxLayers: 12,
};
const policy = (name: string, alpha = 1 / 3, schedule = '100:2,200:4', pretrainedLayers = 12) =>
  FREEZE_POLICIES.get(name).make({ alpha, schedule, percentile: 50, start: 0.5, pretrainedLayers });
/** Norms 1, but the given ones (1-based layers). */
const normsWith = (changes: Readonly<Record<number, number>>): number[] =>
  Array.from({ length: 12 }, (_, i) => changes[i + 1] ?? 1);

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
      fc.property(
        fc.double({ min: 0.01, max: 0.99, noNaN: true }),
        fc.integer({ min: 1, max: 48 }),
        fc.integer({ min: 1, max: 20 }),
        (alpha, L, T) => {
          let x = 0;
          for (let t = 0; t < T; t++) x += alpha * (L - x);
          // 10 digits: twenty multiplications of doubles.
          expect(L * (1 - (1 - alpha) ** T)).toBeCloseTo(x, 10);
          expect(Math.abs(alphaSchedule(alpha, L, T) - x)).toBeLessThan(1 + 1e-8);
          expect(alphaSchedule(alpha, L, T)).toBeGreaterThan(x - 1e-8);
        },
      ),
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
    for (let T = 1, frozenLayers = 0; T <= 7; T++)
      layers.push((frozenLayers = policy('paper').decide({ ...input, interval: T, frozenLayers, layerNorms }).layers));
    // ceil of 0 + 12/3, 4 + 8/3, 7 + 5/3, 9 + 3/3, 10 + 2/3, 11 + 1/3
    expect(layers).toEqual([4, 7, 9, 10, 11, 12, 12]);
  });

  it('does not look at layers that are frozen', () => {
    expect(
      policy('paper').decide({ ...input, frozenLayers: 4, layerNorms: normsWith({ 1: 0, 2: 0, 3: 0, 4: 0, 6: 0.5 }) })
        .layers,
    ).toBe(6);
  });

  it('takes the lowest of equal norms', () => {
    expect(policy('paper').decide(input).layers).toBe(1);
  });

  it('ignores norms that are not finite', () => {
    expect(
      policy('paper').decide({ ...input, layerNorms: normsWith({ 1: NaN, 2: Infinity, 3: 5, 4: 0.5 }) }).layers,
    ).toBe(4);
  });

  it('stays where no gradient was seen or no layer is active', () => {
    expect(policy('paper').decide({ ...input, frozenLayers: 2, layerNorms: [] })).toEqual({
      layers: 2,
      reason: 'stays at 2 of 12 frozen layers: no gradient of an active layer was seen in this interval',
    });
    expect(policy('paper').decide({ ...input, frozenLayers: 12 }).reason).toContain('no layer is active');
  });

  it('gives the numbers as its reason', () => {
    expect(
      policy('paper').decide({ ...input, frozenLayers: 4, layerNorms: normsWith({ 9: 0.125 }), maxLayers: 6 }),
    ).toEqual({
      layers: 6,
      reason:
        'freezes 6 of 12 layers (4 before): the bound with alpha 0.333 is ceil(4 + 0.333 * 8) = 7, the ' +
        'smallest gradient norm is 0.125 in layer 8 (of 0-11); at most 6 may be frozen',
    });
  });
});

describe('the manual policy', () => {
  it('follows its schedule and must be asked after every step', () => {
    const manual = policy('manual');
    expect(manual.everyStep).toBe(true);
    expect([0, 99, 100, 150, 200, 999].map((step) => manual.decide({ ...input, step }).layers)).toEqual([
      0, 0, 2, 2, 4, 4,
    ]);
    expect(manual.decide({ ...input, step: 150 }).reason).toBe(
      'freezes 2 of 12 layers (0 before): the schedule says 2 layers from step 100, this is step 150',
    );
  });

  it('says when the schedule asks for more than is allowed', () => {
    expect(policy('manual', 0.5, '1:9').decide({ ...input, maxLayers: 5 })).toMatchObject({
      layers: 5,
      reason: expect.stringContaining('at most 5 may be frozen') as string,
    });
  });

  it('reads pairs with free spacing', () => {
    expect(parseFreezeSchedule(' 100:2, 200 : 4 ')).toEqual([
      { step: 100, layers: 2 },
      { step: 200, layers: 4 },
    ]);
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

describe('the change of the gradient norm', () => {
  const ask = (layerNorms: number[], previousNorms: number[], frozenLayers = 0) =>
    policy('change').decide({ ...input, numLayers: layerNorms.length, layerNorms, previousNorms, frozenLayers });

  it('freezes from the bottom up to the first layer that changed at least as much as the percentile', () => {
    // changes 1 %, 2 %, 50 %, 10 %: the median is 6 %
    expect(ask([1.01, 0.98, 1.5, 0.9], [1, 1, 1, 1]).layers).toBe(2);
    // a calm layer above a restless one stays: what is frozen is a prefix
    expect(ask([1.5, 0.98, 1.01, 0.9], [1, 1, 1, 1]).layers).toBe(0);
  });
  it('compares the active layers only', () => {
    // of layers 3 to 6 the changes are 1 %, 2 %, 50 %, 10 %
    expect(ask([9, 9, 1.01, 0.98, 1.5, 0.9], [1, 1, 1, 1, 1, 1], 2).layers).toBe(4);
  });
  it('waits for two intervals, and says so', () => {
    expect(ask([1, 1], [])).toEqual({
      layers: 0,
      reason: 'stays at 0 of 2 frozen layers: there are no gradients of two intervals to compare yet',
    });
  });
  it('stops at a layer whose change is unknown', () => {
    expect(ask([1, NaN, 1, 2], [1, 1, 1, 1]).layers).toBe(0);
    expect(ask([1.01, 1, 1.5, 1.6], [1, 0, 1, 1]).layers).toBe(1);
  });
  it('gives the numbers as its reason', () => {
    expect(ask([1.01, 0.98, 1.5, 0.9], [1, 1, 1, 1]).reason).toBe(
      'freezes 2 of 4 layers (0 before): percentile 50 of the changes of 4 active layers is 6.00 %; the norm ' +
        'of layer 2 (of 0-3) changed by 50.0 %; the 2 layers before it changed less',
    );
  });
  it('takes percentiles between values by linear interpolation', () => {
    expect(percentile([4, 1, 3, 2], 50)).toBe(2.5);
    expect(percentile([1, 2, 3], 25)).toBe(1.5);
    expect([0, 100].map((percent) => percentile([5, 7, 6], percent))).toEqual([5, 7]);
  });
});

describe('annealing', () => {
  const at = (progress: number) => ({ progress, numLayers: 6, maxLayers: 6 });

  it('brings the layers to rest one after the other, the last one at the end', () => {
    expect([0, 1, 2, 3, 4, 5].map((layer) => Number(restAt(0.5, layer, 6).toFixed(3)))).toEqual([
      0.5, 0.6, 0.7, 0.8, 0.9, 1,
    ]);
  });
  it('freezes a layer at the very step at which its rate has become zero', () => {
    for (let step = 0; step <= 1000; step++) {
      const { layers } = policy('anneal').decide({ ...input, numLayers: 6, step });
      const resting = [0, 1, 2, 3, 4, 5].filter((layer) => annealedRate(0.5, layer, at(step / 1000)) === 0).length;
      expect(layers, `step ${step}`).toBe(resting);
    }
  });
  it('makes of a cosine over the run a cosine of its own, higher by what it is shorter', () => {
    const cosine = (share: number): number => 0.5 * (1 + Math.cos(Math.PI * share));
    for (const progress of [0, 0.1, 0.33, 0.59])
      // 12 digits: a handful of operations on doubles.
      expect(cosine(progress) * annealedRate(0.5, 1, at(progress))).toBeCloseTo(cosine(progress / 0.6) / 0.6, 12);
  });
  it('leaves layers alone that may not freeze', () => {
    expect(annealedRate(0.5, 3, { progress: 0.95, numLayers: 6, maxLayers: 2 })).toBe(1);
    expect(annealedRate(0.5, 5, at(0.99))).toBe(1);
    expect(annealedRate(0.5, 0, { progress: 0.9, numLayers: 1, maxLayers: 1 })).toBe(1);
  });
});

describe('the automatic policy', () => {
  const norms = {
    layerNorms: Array.from({ length: 12 }, (_, i) => (i < 6 ? 1.01 : 2)),
    previousNorms: Array.from({ length: 12 }, () => 1),
  };

  it('never freezes what starts from scratch', () => {
    for (const step of [1, 500, 999])
      expect(policy('auto', 0.5, '', 0).decide({ ...input, ...norms, step }).layers).toBe(0);
  });
  it('freezes half of pretrained weights at once where there are few samples, and nothing more', () => {
    const auto = policy('auto', 0.5, '', 12);
    expect([auto.atStart, auto.most?.(12, 2000), auto.most?.(12, 2001), auto.most?.(1, 10)]).toEqual([true, 6, 8, 0]);
    expect(auto.decide({ ...input, step: 0, layerNorms: [], numSamples: 2000 })).toEqual({
      layers: 6,
      reason:
        'freezes 6 of 12 layers (0 before): the weights were pretrained, and 2000 samples are too few to better ' +
        'their lower half (up to 2000 are)',
    });
    expect(auto.decide({ ...input, ...norms, step: 500, frozenLayers: 6, numSamples: 640 }).layers).toBe(6);
    expect(auto.decide({ ...input, step: 0, layerNorms: [], numSamples: 2001 }).layers).toBe(0);
  });
  it('counts pretrained layers alone, from below up to the first block that is fresh', () => {
    const auto = policy('auto', 0.5, '', 4);
    expect([auto.most?.(12, 2000), auto.most?.(12, 2001)]).toEqual([2, 2]);
    expect(auto.decide({ ...input, step: 0, layerNorms: [], numSamples: 640 })).toMatchObject({
      layers: 2,
      reason: expect.stringContaining('the first 4 of 12 layers were pretrained') as string,
    });
    expect(auto.decide({ ...input, ...norms, step: 900, frozenLayers: 2 }).layers).toBe(2);
  });
  it(
    'freezes pretrained weights one layer at a time, not at once, and ' + 'at most two thirds, where there are many',
    () => {
      const auto = policy('auto', 0.5, '', 12);
      expect(auto.decide({ ...input, ...norms, step: 199 })).toMatchObject({
        layers: 0,
        reason: expect.stringContaining('nothing freezes before 20 % of the run, this is step 199 of 1000') as string,
      });
      expect(auto.decide({ ...input, ...norms, step: 200 }).layers).toBe(1);
      expect(auto.decide({ ...input, ...norms, step: 400, frozenLayers: 4 }).layers).toBe(5);
      const calm = { ...norms, layerNorms: norms.layerNorms.map((_, i) => (i < 9 ? 1.01 : 2)) };
      expect(auto.decide({ ...input, ...calm, step: 900, frozenLayers: 8 }).layers).toBe(8);
    },
  );
});

describe('every policy', () => {
  const inputs = fc.record({
    name: fc.constantFrom(...FREEZE_POLICIES.names),
    alpha: fc.double({ min: 0.01, max: 0.99, noNaN: true }),
    numLayers: fc.integer({ min: 1, max: 48 }),
    maxLayers: fc.nat(60),
    norms: fc.array(fc.array(fc.double({ min: 0, max: 1e3, noNaN: true }), { minLength: 48, maxLength: 48 }), {
      minLength: 1,
      maxLength: 8,
    }),
  });

  it('only ever freezes more, never more than allowed, in whole layers and with a reason', () => {
    fc.assert(
      fc.property(inputs, ({ name, alpha, numLayers, maxLayers, norms }) => {
        let frozenLayers = 0;
        for (const [i, layerNorms] of norms.entries()) {
          const { layers, reason } = policy(name, alpha).decide({
            interval: i + 1,
            step: (i + 1) * 50,
            totalSteps: 400,
            numSamples: 100 * norms.length * 10,
            frozenLayers,
            numLayers,
            maxLayers,
            layerNorms: layerNorms.slice(0, numLayers),
            previousNorms: (norms[i - 1] ?? []).slice(0, numLayers),
          });
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
    for (const name of FREEZE_POLICIES.names)
      expect(policy(name).decide({ ...input, frozenLayers: 6, maxLayers: 3, interval: 5 }).layers).toBe(6);
  });

  it('answers the same to the same question', () => {
    for (const name of FREEZE_POLICIES.names) expect(policy(name).decide(input)).toEqual(policy(name).decide(input));
  });
});
