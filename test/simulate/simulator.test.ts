// The simulator against what is published of PipeTransformer, and against itself. Ranges are wide where the model says
// it leaves things out.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { present } from '../../engine/core/invariant.js';
import type { Precision } from '../../engine/core/precision.js';
import { compareRules, type SimulatedComparison, VARIANTS } from '../../engine/simulate/comparison.js';
import {
  hardwareNames,
  hardwareProfile,
  inPrecision,
  linkSpeeds,
  usableBytes,
} from '../../engine/simulate/hardware.js';
import { simulatedCosts, simulatedModel, simulatedModelNames } from '../../engine/simulate/model.js';
import { ourShape, paperShape } from '../../engine/simulate/shape.js';
import {
  type SimulatedRun,
  type SimulatedTraining,
  simulateTraining,
  type SimulationOptions,
} from '../../engine/simulate/simulator.js';
import { alphaFreeze } from '../../freeze/alpha.js';
import { noFreeze } from '../../freeze/none.js';
import { stageMemory, sumCosts } from '../../pipeline/costs.js';

const hardware = hardwareProfile('paper');
const vit = simulatedModel('vit-b16');

/** The training of the paper on CIFAR-100. */
const base: SimulationOptions = {
  model: vit,
  hardware,
  rules: 'paper',
  freeze: alphaFreeze(1 / 3),
  training: { epochs: 10, samples: 50_000, batch: 640, microBatch: 20 },
  fixedK: null,
  cacheBytes: null,
};
const CACHE = { cacheBytes: 96e9 };
type Change = Partial<Omit<SimulationOptions, 'training'>> & { readonly training?: Partial<SimulatedTraining> };
const changed = ({ training, ...change }: Change): SimulationOptions => ({
  ...base,
  ...change,
  training: { ...base.training, ...training },
});
const run = (change: Change = {}): SimulatedRun => simulateTraining(changed(change));
const speedups = ({ variants }: SimulatedComparison): Record<string, number> =>
  Object.fromEntries(variants.map(({ name, speedup }) => [name, speedup]));

describe('the models', () => {
  it('have the published sizes', () => {
    const sizesOf = (name: string): number[] => simulatedModel(name).blocks.map(({ parameters }) => parameters);
    expect(sizesOf('vit-b16').slice(0, 3)).toEqual([742_656, 2_363_904, 4_723_968]);
    expect(sizesOf('vit-b16').slice(-2)).toEqual([1_536, 76_900]);
    expect([sizesOf('bert-large').slice(0, 3), sizesOf('bert-large').at(-1)]).toEqual([
      [31_782_912, 4_200_448, 8_395_776],
      2_050,
    ]);
    expect([sizesOf('bert-base')[0], ...sizesOf('bert-base').slice(-2)]).toEqual([23_837_184, 590_592, 1_538]);
  });

  it('take the published time for the forward of ViT-B/16 on 320 images (2313 ms) and 64 images (471 ms)', () => {
    for (const [images, ms] of [
      [320, 2313],
      [64, 471],
    ] as const) {
      const { forwardMs } = sumCosts(simulatedCosts(vit, hardware, images), 0, vit.blocks.length);
      // The efficiency is rounded to whole percents.
      expect(Math.abs(forwardMs / ms - 1)).toBeLessThan(0.05);
    }
  });

  it('need about the published memory: 60 images on a device of 16 GB fill it', () => {
    const bytes = stageMemory(simulatedCosts(vit, hardware, 60), 0, vit.blocks.length, 1);
    // 60 was the most that fitted; the rest is the allocator's reserve.
    expect(bytes / usableBytes(hardware)).toBeGreaterThan(0.85);
    expect(bytes / usableBytes(hardware)).toBeLessThan(1);
  });

  it('cost at least the start of the kernels', () => {
    const { launchMs } = hardware;
    for (const [b, { forwardMs, backwardMs }] of simulatedCosts(vit, hardware, 1e-6).entries()) {
      expect(forwardMs).toBe(present(vit.blocks[b], 'block').kernels * launchMs);
      expect(backwardMs).toBe(2 * forwardMs);
    }
  });

  it('and profiles that do not exist are refused with a suggestion', () => {
    expect(() => simulatedModel('vit-b61')).toThrow('there is no model "vit-b61"');
    expect(() => inPrecision(hardware, 'bf16')).toThrow(
      'the devices of the profile paper have no instructions for bf16',
    );
    const cluster = hardwareProfile('h100-8');
    const [wide, narrow] = ['fp32', 'bf16'].map((precision) =>
      sumCosts(simulatedCosts(vit, inPrecision(cluster, precision as Precision), 60), 0, vit.blocks.length),
    );
    expect(narrow?.savedBytes).toBe((wide?.savedBytes ?? 0) / 2);
    expect(narrow?.parameterBytes).toBe(wide?.parameterBytes);
    // Blocks that only launch kernels take what they took.
    expect((wide?.forwardMs ?? 0) / (narrow?.forwardMs ?? 1)).toBeCloseTo(2, 1);
    expect(() => hardwareProfile('h100')).toThrow('there is no hardware profile "h100"');
    for (const name of simulatedModelNames) expect(simulatedModel(name).blocks.length).toBeGreaterThan(20);
    for (const name of hardwareNames) expect(hardwareProfile(name).source).toMatch(/assumed/);
  });
});

describe("the paper's rules on the paper's machines", () => {
  it.each([
    [1 / 5, [8, 8, 4, 4, 4, 2, 2, 2, 2, 1], [0, 3, 5, 6, 8, 9, 9, 10, 10, 11]],
    [1 / 4, [8, 8, 4, 4, 2, 2, 2, 1, 1, 1], [0, 3, 6, 7, 9, 10, 10, 11, 11, 12]],
    [1 / 3, [8, 8, 4, 2, 2, 1, 1, 1, 1, 1], [0, 4, 7, 9, 10, 11, 11, 12, 12, 12]],
    [2 / 5, [8, 4, 4, 2, 1, 1, 1, 1, 1, 1], [0, 5, 8, 10, 11, 12, 12, 12, 12, 12]],
    [1 / 2, [8, 4, 2, 1, 1, 1, 1, 1, 1, 1], [0, 6, 9, 11, 12, 12, 12, 12, 12, 12]],
  ])('give the published pipeline lengths for alpha %d', (alpha, lengths, frozen) => {
    const { epochs } = run({ freeze: alphaFreeze(alpha) });
    expect(epochs.map(({ K }) => K)).toEqual(lengths);
    expect(epochs.map(({ frozenLayers }) => frozenLayers)).toEqual(frozen);
    for (const { K, R, micros, batch } of epochs)
      expect([K * R, micros, batch]).toEqual([16, K === 1 ? 4 : 16, 320 * R]);
  });

  it('are 2.0 to 2.4 times as fast as the baseline without cache, where 2.27 is printed', () => {
    const speedup = run({ freeze: noFreeze }).computeSeconds / run().computeSeconds;
    expect(speedup).toBeGreaterThan(2);
    expect(speedup).toBeLessThan(2.4);
  });

  it.each([
    ['without cache', false, [400, 300, 480, 900, 930, 1830, 1830, 2000, 2030, 2030]],
    ['with cache', true, [400, 300, 550, 1270, 1600, 3300, 4590, 4350, 7300, 7400]],
  ])('follow the published throughput curve %s', (_, usesCache, published) => {
    const rates = run(usesCache ? CACHE : {}).epochs.map(({ samplesPerSecond }) => samplesPerSecond);
    // The figures were read off a plot; the second epoch, where the published rate falls below the baseline, is 31 %
    // off without cache.
    for (const [e, rate] of rates.entries())
      expect(Math.abs(rate / present(published[e], 'rate') - 1)).toBeLessThan(0.32);
    const mean =
      rates.reduce((sum, rate, e) => sum + Math.abs(rate / present(published[e], 'rate') - 1), 0) / rates.length;
    expect(mean).toBeLessThan(0.12);
  });

  it('keep the five alphas in order, at 75 % to 100 % of the published speed-up with cache', () => {
    const published = [2.04, 2.44, 2.83, 3.29, 3.86];
    const baseline = run({ freeze: noFreeze }).computeSeconds;
    for (const usesCache of [false, true]) {
      const found = [1 / 5, 1 / 4, 1 / 3, 2 / 5, 1 / 2].map(
        (alpha) => baseline / run({ freeze: alphaFreeze(alpha), ...(usesCache ? CACHE : {}) }).computeSeconds,
      );
      expect(found).toEqual(found.toSorted((a, b) => a - b));
      // Ideal models (no cost of the cache, no imbalance) stay at 130 % of the published figures; ours leaves out
      // overlap, and stays below.
      if (usesCache)
        for (const [i, speedup] of found.entries())
          expect(speedup / present(published[i], 'speed-up')).toSatisfy((share: number) => share > 0.75 && share < 1);
    }
  });

  it(
    'give about the throughput that the authors measured on 2 x 4 devices: 326 with pipelines of 4, 416 with ' +
      'data parallelism alone',
    () => {
      const { variants, weakBaseline } = compareRules({ ...base, hardware: { ...hardware, perMachine: 4 } }, 1 / 3);
      // 16 micro-batches here, 8 there, and the exchange of gradients is not overlapped here.
      expect(Math.abs((variants[0]?.run.samplesPerSecond ?? 0) / 326 - 1)).toBeLessThan(0.1);
      expect(Math.abs((variants[1]?.run.samplesPerSecond ?? 0) / 416 - 1)).toBeLessThan(0.2);
      expect(weakBaseline).toSatisfy((ratio: number) => ratio > 1.1 && ratio < 1.4);
    },
  );

  it('spend 4 % to 12 % of the baseline step in communication, where 5.9 % is printed for the whole run', () => {
    const { exchangeMs, stepMs } = present(run({ freeze: noFreeze }).epochs[0], 'epoch');
    expect(exchangeMs / stepMs).toBeGreaterThan(0.04);
    expect(exchangeMs / stepMs).toBeLessThan(0.12);
  });

  it('pay for a transition whenever a layer freezes, 20 s to 35 s', () => {
    const { epochs, transitions } = run();
    for (const [e, { transitionSeconds, frozen }] of epochs.entries())
      if (e > 0 && frozen !== epochs[e - 1]?.frozen)
        expect(transitionSeconds).toSatisfy((s: number) => s >= 19 && s <= 35);
      else expect(transitionSeconds).toBe(0);
    expect(transitions).toBe(3);
  });

  it('cache from three frozen layers on, fill once per depth and never forget', () => {
    const { epochs } = run({ ...CACHE, freeze: alphaFreeze(1 / 5) });
    expect(epochs.map(({ cache }) => cache)).toEqual([
      'off',
      'fill',
      'fill',
      'fill',
      'fill',
      'fill',
      'read',
      'fill',
      'read',
      'fill',
    ]);
    expect(
      run({ ...CACHE, freeze: alphaFreeze(1 / 12) })
        .epochs.slice(0, 4)
        .map(({ frozenLayers, cache }) => [frozenLayers, cache]),
    ).toEqual([
      [0, 'off'],
      [1, 'off'],
      [2, 'off'],
      [3, 'fill'],
    ]);
    // ImageNet: 775 GB per level do not fit into 65 % of 2 x 192 GB, so that most of a depth is computed anew.
    const imagenet = run({ ...CACHE, training: { samples: 1_281_167 } });
    expect(present(imagenet.epochs[9], 'epoch').stepMs).toBeGreaterThan(
      2 * present(run(CACHE).epochs[9], 'epoch').stepMs,
    );
  });

  it('leave stages empty where the balance does, and say so', () => {
    const shape = paperShape({ model: simulatedModel('bert-base'), hardware, frozen: 0, pipelineBatch: 64 });
    expect(shape.blocksPerStage).toEqual([0, 0, 0, 1, 6, 6, 6, 8]);
    expect(shape.reason).toContain('3 of 8 stages are empty');
  });

  it('do not look at memory; the run says where it is exceeded', () => {
    expect(run().exceedsMemory).toBe(false);
    expect(run({ training: { batch: 1280 } }).exceedsMemory).toBe(true);
  });
});

describe('our rules on the same machines', () => {
  const comparison = compareRules(changed(CACHE), 1 / 3);

  it('are at least 3.6 times as fast as the baseline of the paper at the same alpha', () => {
    expect(speedups(comparison)[VARIANTS.oursCached]).toBeGreaterThan(3.6);
    expect(speedups(comparison)[VARIANTS.ours]).toBeGreaterThan(3);
  });

  it('owe 1.4 to 1.8 of it to the baseline alone, and 2 or more to themselves', () => {
    expect(comparison.weakBaseline).toBeGreaterThan(1.4);
    expect(comparison.weakBaseline).toBeLessThan(1.8);
    expect(comparison.ownGain).toBeGreaterThan(2);
    // Two divisions.
    expect(comparison.weakBaseline * comparison.ownGain).toBeCloseTo(speedups(comparison)[VARIANTS.oursCached] ?? 0, 9);
  });

  it('beat the rules of the paper at every alpha', () => {
    for (const alpha of [1 / 5, 1 / 4, 1 / 3, 2 / 5, 1 / 2]) {
      const at = speedups(compareRules(changed(CACHE), alpha));
      expect(at[VARIANTS.ours]).toBeGreaterThan(at[VARIANTS.paper] ?? Infinity);
      expect(at[VARIANTS.oursCached]).toBeGreaterThan(at[VARIANTS.paperCached] ?? Infinity);
    }
  });

  it('keep the batch, and take the step that the planner predicts', () => {
    for (const { batch, stepMs, reason } of run({ rules: 'pipetrain' }).epochs) {
      expect(batch).toBe(640);
      expect(reason).toContain(`is predicted to take ${stepMs.toFixed(1)} ms a step`);
    }
  });

  it('use a pipeline where one device has too little memory, and fail where none fits', () => {
    const large = simulatedModel('bert-large');
    const request = {
      model: large,
      hardware,
      frozen: 0,
      batch: 128,
      microBatch: 16,
      cacheReadMs: null,
      fixedK: null,
      maxK: null,
    };
    const shape = ourShape(request);
    expect(shape.K).toBeGreaterThan(1);
    expect(Math.max(...shape.memoryPerWorker)).toBeLessThanOrEqual(usableBytes(hardware));
    expect(shape.rejected.filter(({ predictedStepMs }) => predictedStepMs === null).map(({ K }) => K)).toContain(1);
    expect(() => ourShape({ ...request, microBatch: 128, fixedK: 1 })).toThrow('no pipeline fits');
  });

  it('cache where it pays: not without room, not in the last epoch', () => {
    const cached = run({ rules: 'pipetrain', ...CACHE });
    expect(cached.epochs.map(({ cache }) => cache)).toEqual([
      'off',
      'fill',
      'fill',
      'fill',
      'fill',
      'fill',
      'read',
      'fill',
      'read',
      'read',
    ]);
    expect(run({ rules: 'pipetrain', cacheBytes: 1 })).toEqual(run({ rules: 'pipetrain' }));
    expect(run({ rules: 'pipetrain', ...CACHE, training: { epochs: 2 } }).epochs[1]?.cache).toBe('off');
  });

  it('never grow the pipeline, and move state only when the shape changes', () => {
    const { epochs } = run({
      rules: 'pipetrain',
      model: simulatedModel('bert-large'),
      training: { batch: 128, microBatch: 4, epochs: 6 },
    });
    for (const [e, { K, R, transitionSeconds }] of epochs.entries()) {
      const before = epochs[e - 1];
      if (before === undefined) continue;
      expect(K).toBeLessThanOrEqual(before.K);
      expect(transitionSeconds > 0).toBe(K !== before.K || R !== before.R);
    }
    expect(new Set(epochs.map(({ K }) => K)).size).toBeGreaterThan(1);
  });
});

describe('any simulation', () => {
  it('of 1,024 devices uses no more than there are', () => {
    const cluster = hardwareProfile('cluster-1024');
    const large = simulatedModel('bert-large');
    const { variants } = compareRules(
      changed({
        ...CACHE,
        model: large,
        hardware: cluster,
        training: { batch: 64 * 128, microBatch: 4, epochs: 3, samples: large.samples },
      }),
      1 / 3,
    );
    for (const {
      run: { epochs },
    } of variants)
      for (const { K, R } of epochs) expect(K * R).toBeLessThanOrEqual(1024);
  });

  it('is proportional to the samples, and adds up', () => {
    fc.assert(
      fc.property(
        fc.constantFrom('paper' as const, 'pipetrain' as const),
        fc.integer({ min: 1, max: 5 }),
        fc.double({ min: 0.05, max: 0.9, noNaN: true }),
        (rules, factor, alpha) => {
          const of = (samples: number): SimulatedRun =>
            run({ rules, freeze: alphaFreeze(alpha), training: { epochs: 3, samples } });
          const [one, more] = [of(50_000), of(50_000 * factor)];
          // Sums of a few terms.
          expect(more.computeSeconds / one.computeSeconds).toBeCloseTo(factor, 9);
          expect(one.computeSeconds).toBeCloseTo(
            one.epochs.reduce((sum, { seconds }) => sum + seconds, 0),
            9,
          );
          for (const { bubble, samplesPerSecond, stepMs, batch } of one.epochs) {
            expect(bubble).toBeGreaterThanOrEqual(0);
            expect(bubble).toBeLessThan(1);
            expect(samplesPerSecond * stepMs).toBeCloseTo(batch * 1000, 3);
          }
        },
      ),
      { numRuns: 12 },
    );
  });

  it('shares the network of a machine between the rings of its stages', () => {
    expect(linkSpeeds(hardware, 1).reduceMsPerMB).toBeCloseTo(1 / 5, 12);
    expect(linkSpeeds(hardware, 8).reduceMsPerMB).toBeCloseTo(8 / 5, 12);
    expect(linkSpeeds(hardware, 8).transferMsPerMB).toBeCloseTo(1 / 15.754, 12);
    expect(linkSpeeds(hardware, 16).transferMsPerMB).toBeCloseTo(1 / 5, 12);
    expect(linkSpeeds(hardwareProfile('h100-8'), 2)).toEqual({ transferMsPerMB: 1 / 450, reduceMsPerMB: 1 / 450 });
  });
});
