import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { UsageError } from '../../engine/core/errors.js';
import { alphaSchedule } from '../../freeze/alpha.js';
import { annealedRate, restAt } from '../../freeze/anneal.js';
import { percentile } from '../../freeze/change.js';
import { parseFreezeSchedule } from '../../freeze/manual.js';
import type { FreezeInput } from '../../freeze/policy.js';
import { FREEZE_POLICIES } from '../../freeze/registry.js';
import { runLearning } from '../../freeze/run-learning.js';

const input: FreezeInput = {
  interval: 1,
  step: 100,
  frozenLayers: 0,
  numLayers: 12,
  totalSteps: 1000,
  numSamples: 10_000,
  learningLeft: 0.5,
  learningSamples: 10_000,
  layerNorms: Array.from({ length: 12 }, () => 1),
  previousNorms: [],
  maxLayers: 12,
};
const policy = (name: string, alpha = 1 / 3, schedule = '100:2,200:4', pretrainedLayers = 12) =>
  FREEZE_POLICIES.get(name).make({ alpha, schedule, percentile: 50, start: 0.5, budget: 0.15, pretrainedLayers });
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
  /** Six pretrained layers, in the middle of a run, with norms that stand still. */
  const ask = (norms: readonly number[], changes: Partial<FreezeInput> = {}, pretrained = norms.length) =>
    policy('auto', 0.5, '', pretrained).decide({
      ...input,
      numLayers: norms.length,
      maxLayers: norms.length - 1,
      learningLeft: 0.2,
      layerNorms: norms,
      previousNorms: norms,
      ...changes,
    });
  const even = [1, 1, 1, 1, 1, 1];

  it('never freezes what starts from scratch', () => {
    for (const learningLeft of [1, 0.5, 0]) expect(ask(even, { learningLeft }, 0).layers).toBe(0);
    expect(policy('auto', 0.5, '', 0).most?.(12, 640)).toBe(0);
  });
  it('freezes as many layers as have so little to learn that the budget pays for it', () => {
    // Six even layers: k of them have k / 6 of the gradient; the budget is 0.15.
    const layers = [1, 0.9, 0.45, 0.44, 0.3, 0.22, 0.18, 0.1].map((learningLeft) => ask(even, { learningLeft }).layers);
    expect(layers).toEqual([0, 1, 2, 2, 3, 4, 5, 5]);
  });
  it('waits longer where the lower layers have more of the gradient, and trusts no layer that is calm for now', () => {
    const low = [4, 4, 3, 1.5, 1, 0.5];
    expect(ask(low, { learningLeft: 0.45 }).layers).toBe(1);
    const high = [0.1, 0.1, 0.1, 1, 1, 1];
    expect(ask(high, { learningLeft: 0.45 }).layers).toBe(2);
  });
  it('lets the lower half be where there are so few samples that they teach it little but themselves', () => {
    // Seen once at the full rate: 500 of 1,000 may be given up by the lower half, by more layers no more than always.
    expect(ask(even, { learningLeft: 0.9, learningSamples: 1000 }).layers).toBe(3);
    expect(ask(even, { learningLeft: 0.9, learningSamples: 10 }).layers).toBe(3);
    expect(ask(even, { learningLeft: 0.9, learningSamples: 1500 }).layers).toBe(2);
    expect(ask(even, { learningLeft: 0.9, learningSamples: 5000 }).layers).toBe(1);
    expect(ask(even, { learningLeft: 0.22, learningSamples: 1000 }).layers).toBe(4);
  });
  it('keeps a layer, and all above it, whose gradient still grows', () => {
    const growing = { layerNorms: [1, 1, 1.3, 1, 1, 1], previousNorms: even, learningLeft: 0.1 };
    expect(ask(even, growing)).toEqual({
      layers: 2,
      reason:
        'freezes 2 of 6 layers (0 before): 10.0 % of the learning is still to come; the first 2 layers have 33.3 % ' +
        'of the gradient, so that freezing them gives up 3.33 %; the gradient of layer 2 (of 0-5) still grows',
    });
  });
  it('decides nothing on gradients that it does not know, of one interval, of none, or not finite', () => {
    const why = /stays at 0 of 6 frozen layers: there are no gradients of two intervals to compare yet/;
    for (const changes of [
      { previousNorms: [] },
      { layerNorms: [], previousNorms: [] },
      { layerNorms: [1, 1, NaN, 1, 1, 1] },
      { layerNorms: [1, 1, 1, 1, 1, Infinity] },
      { layerNorms: [0, 0, 0, 0, 0, 0] },
    ])
      expect(ask(even, changes).reason).toMatch(why);
  });
  it('freezes nothing while gradients explode, as much as a schedule would where they are flat', () => {
    let frozenLayers = 0;
    let norms = even;
    for (let step = 1; step < 40; step++) {
      const layerNorms = norms.map((norm) => norm * 2);
      const at = { layerNorms, previousNorms: norms, learningLeft: (1 - step / 40) ** 2, frozenLayers };
      frozenLayers = ask(even, at).layers;
      norms = layerNorms;
    }
    expect(frozenLayers).toBe(0);
    expect(ask(even, { learningLeft: 0.15 }).layers).toBe(5);
  });
  it('counts frozen layers by what they had, and such as are unknown as the mean of the others', () => {
    const known = ask([4, 4, 1, 1, 1, 1], { frozenLayers: 2, learningLeft: 0.19 });
    // (4 + 4 + 1) / 12 of what is left is 14 %, one more would be 16 %.
    expect(known.layers).toBe(3);
    const unknown = ask([NaN, NaN, 1, 1, 1, 1], { frozenLayers: 2, learningLeft: 0.19 });
    expect(unknown.layers).toBe(4);
  });
  it('counts pretrained layers alone, from below up to the first block that is fresh', () => {
    expect(policy('auto', 0.5, '', 4).most?.(12, 640)).toBe(4);
    expect(ask(even, { learningLeft: 0 }, 3).layers).toBe(3);
  });
  it('changes the plan of a deep model for a sixth of its layers at least, and at the end for nothing', () => {
    const deep = Array.from({ length: 12 }, () => 1);
    expect(ask(deep, { learningLeft: 0.15 * 8 })).toMatchObject({
      layers: 0,
      reason: expect.stringContaining('at least 2 freeze at once') as string,
    });
    expect(ask(deep, { learningLeft: 0.15 * 5 }).layers).toBe(2);
    expect(ask(deep, { frozenLayers: 10, learningLeft: 0 }).layers).toBe(11);
    expect(ask(even, { step: 950, learningLeft: 0 }).layers).toBe(0);
  });
  it('says what the next layer would cost', () => {
    expect(ask(even, { learningLeft: 0.6 }).reason).toBe(
      'freezes 1 of 6 layers (0 before): 60.0 % of the learning is still to come; the first layer has 16.7 % of the ' +
        'gradient, so that freezing them gives up 10.0 %; the first 2 layers have 33.3 % of the gradient, so that ' +
        'freezing them gives up 20.0 %, more than 15.0 %',
    );
  });
  it('never freezes more where more is still to be learnt', () => {
    const share = fc.double({ min: 0, max: 1, noNaN: true });
    const norm = fc.double({ min: 1e-6, max: 1e6, noNaN: true });
    fc.assert(
      fc.property(fc.array(norm, { minLength: 1, maxLength: 48 }), share, share, (norms, a, b) => {
        const [less, more] = [Math.min(a, b), Math.max(a, b)];
        expect(ask(norms, { learningLeft: more }).layers).toBeLessThanOrEqual(
          ask(norms, { learningLeft: less }).layers,
        );
      }),
    );
  });
});

describe('the learning that is still to come', () => {
  const of = (rateAt: (step: number) => number, epochs: number) =>
    runLearning({ totalSteps: 200 * epochs, stepsPerEpoch: 200, numSamples: 1600, rateAt }).left;

  it('is what follows at the rates of the steps to come', () => {
    const falling = of((step) => 1 - step / 200, 1);
    // The rest of a rate that falls evenly to 0 is a square. 5 digits: a step is the middle of its own time.
    for (const step of [0, 20, 100, 180]) expect(falling(step)).toBeCloseTo((1 - step / 200) ** 2, 2);
    expect(falling(200)).toBe(0);
  });
  it('counts a further pass over the samples half', () => {
    const three = of(() => 1, 3);
    expect([0, 200, 400, 600].map(three)).toEqual([1, 3 / 7, 1 / 7, 0].map((one) => expect.closeTo(one, 12) as number));
  });
  it('is of as many samples as are seen for the first time, where the rate stays', () => {
    const of = (epochs: number, rateAt: (step: number) => number) =>
      runLearning({ totalSteps: 200 * epochs, stepsPerEpoch: 200, numSamples: 1600, rateAt }).samples;
    expect([of(1, () => 3e-4), of(2, () => 3e-4), of(1, (step) => (step < 100 ? 1e-3 : 0))]).toEqual([1600, 2400, 800]);
    // 0.5 %: the rate of 200 points of a line.
    expect(of(1, (step) => 1 - step / 200) / 800).toBeCloseTo(1, 2);
  });
  it('counts a warm-up for what it is, and steps without a rate for nothing', () => {
    expect(of((step) => (step < 100 ? 0 : 1), 1)(100)).toBeCloseTo(1, 12);
    const ends = of((step) => {
      if (step >= 100) throw new Error('no rate');
      return 1;
    }, 1);
    expect([ends(50), ends(100)]).toEqual([expect.closeTo(0.5, 12), expect.closeTo(0, 12)]);
    expect(of(() => 0, 1)(50)).toBeCloseTo(0.75, 12);
  });
  it('is 1 before the first step, 0 after the last, and never rises', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 5000 }),
        fc.integer({ min: 1, max: 400 }),
        fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { minLength: 1, maxLength: 20 }),
        (totalSteps, stepsPerEpoch, rates) => {
          const { left } = runLearning({
            totalSteps,
            stepsPerEpoch,
            numSamples: 1600,
            rateAt: (step) => rates[step % rates.length] as number,
          });
          const all = Array.from({ length: totalSteps + 1 }, (_, step) => left(step));
          expect([all[0], all.at(-1)]).toEqual([1, 0]);
          // 1e-9: sums of up to a thousand doubles.
          expect(all.every((one, step) => step === 0 || one <= (all[step - 1] as number) + 1e-9)).toBe(true);
        },
      ),
      { numRuns: 30 },
    );
  });
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
            learningLeft: 1 - (i + 1) / 8,
            learningSamples: 4000,
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
