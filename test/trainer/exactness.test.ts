// One result for every shape of the run: equal hashes of all losses and all final weights, from runs with real worker
// processes.
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { TrainConfigInput } from '../../engine/core/config.js';
import { scratchWith } from '../scratch.js';
import { cacheHitsOf, hashesOf, lossesOf, referenceRun, shapesOf, trainRun } from './train-run.js';

/** A file with this content. */
const fileOf = (text: string): string => join(scratchWith({ 'mine.txt': text }), 'mine.txt');

/** Written into a file for the runs: what somebody might try. */
const OWN_SCHEDULES = {
  /** All forwards of stage 0 first, stage 1 in pairs. */
  pairs:
    '0F0 0F1 0F2 0F3 0F4 0F5 0F6 0F7 0B0 0B1 0B2 0B3 0B4 0B5 0B6 0B7\n1F0 1F1 1B0 1B1 1F2 1F3 1B2 1B3 1F4 ' +
    '1F5 1B4 1B5 1F6 1F7 1B6 1B7',
  /**
   * Four stages in a V: the first and the last on one worker, both in the middle on the other; stage 2 splits its
   * backward.
   */
  v:
    '0F0 3F0 3B0 0F1 0B0 3F1 3B1 0F2 0B1 3F2 3B2 0F3 0B2 3F3 3B3 0B3\n1F0 2F0 1F1 2I0 1B0 2W0 2F1 1F2 2I1 1B1 2W1 ' +
    '2F2 1F3 2I2 1B2 2W2 2F3 2I3 1B3 2W3',
} as const;

describe('without freezing, every shape of the run gives the same bits as one worker', () => {
  const reference = () => referenceRun({ devices: 'cpu:1', pipeline: 1, replicas: 1 });
  const shapes: [name: string, changes: Partial<TrainConfigInput>][] = [
    ['a pipeline of 2 stages', { devices: 'cpu:2', pipeline: 2, replicas: 1 }],
    ['2 replicas', { devices: 'cpu:2', pipeline: 1, replicas: 2 }],
    ['3 replicas with unequal shares', { devices: 'cpu:3', pipeline: 1, replicas: 3 }],
    ['a pipeline of 4 stages on fewer cores', { devices: 'cpu:4', pipeline: 4, replicas: 1 }],
    ['2 replicas of a pipeline of 2 stages', { devices: 'cpu:4', pipeline: 2, replicas: 2 }],
    ['the GPipe schedule', { devices: 'cpu:2', pipeline: 2, replicas: 1, schedule: 'gpipe' }],
    ['the 1F1B schedule', { devices: 'cpu:3', pipeline: 3, replicas: 1, schedule: '1f1b' }],
    ['ZB-H1, which splits the backward', { devices: 'cpu:3', pipeline: 3, replicas: 1, schedule: 'zb-h1' }],
    ['interleaved 1F1B, two stages a worker', { devices: 'cpu:2', pipeline: 2, replicas: 1, schedule: 'interleaved' }],
    ['2 replicas of an interleaved pipeline', { devices: 'cpu:4', pipeline: 2, replicas: 2, schedule: 'interleaved' }],
  ];
  it.each(shapes)('%s', async (_, changes) => {
    expect(hashesOf(await trainRun(changes))).toEqual(hashesOf(await reference()));
  });

  it.each([
    ['rows of pairs', 'pairs', {}],
    ['a V of four stages on two workers, in 2 replicas', 'v', { devices: 'cpu:4', replicas: 2 }],
  ] as const)('a schedule from a file: %s', async (_, name, changes) => {
    const run = await trainRun({ devices: 'cpu:2', schedule: fileOf(OWN_SCHEDULES[name]), ...changes });
    expect(run.of('plan.made').map(({ schedule, K }) => [schedule, K])).toEqual([['mine.txt', 2]]);
    expect(hashesOf(run)).toEqual(hashesOf(await reference()));
  });

  it('another seed gives other bits', async () => {
    const other = hashesOf(await trainRun({ seed: 2 }));
    expect(other.loss).not.toBe(hashesOf(await reference()).loss);
    expect(other.weights).not.toBe(hashesOf(await reference()).weights);
  });
});

it('where texts name few rows of a table, a pipeline and replicas give the bits of one worker', async () => {
  const words: Partial<TrainConfigInput> = {
    model: 'gpt',
    modelOptions: { layers: 1, width: 16, heads: 2, ff: 16 },
    data: 'synthetic:copy',
    dataOptions: { symbols: 1000, sequence: 8, samples: 60 },
    steps: 5,
  };
  const alone = hashesOf(await trainRun({ ...words, devices: 'cpu:1' }));
  for (const [pipeline, replicas] of [
    [2, 1],
    [1, 2],
  ] as const)
    expect(hashesOf(await trainRun({ ...words, devices: 'cpu:2', pipeline, replicas }))).toEqual(alone);
});

describe('with the same freeze decisions, elasticity and cache change no bit', () => {
  // 95 training samples are 6 steps an epoch, the last one with 15 real samples of 16: the cache serves whole and
  // partial micro-batches.
  const frozen: Partial<TrainConfigInput> = {
    modelOptions: { layers: 3, width: 16, heads: 2, patch: 8 },
    dataOptions: { samples: 119 },
    steps: 28,
    freeze: 'manual',
    freezeSchedule: '6:1,15:2',
    evalEvery: '1 epoch',
  };
  const reference = () => referenceRun({ ...frozen, devices: 'cpu:1', cache: 'off', dp: 'off' });
  const becomesReplicas = () => referenceRun({ ...frozen, devices: 'cpu:2', pipeline: 2 });

  it('an elastic run that becomes replicas equals one that keeps its shape', async () => {
    const elastic = await becomesReplicas();
    expect(shapesOf(elastic)).toContain('2x1 1x2');
    expect(hashesOf(elastic)).toEqual(hashesOf(await reference()));
  });
  it('a pipeline that keeps its shape', async () => {
    expect(hashesOf(await trainRun({ ...frozen, devices: 'cpu:2', pipeline: 2, dp: 'off', cache: 'off' }))).toEqual(
      hashesOf(await reference()),
    );
  });
  it('the cache on one worker, checked against recomputation', async () => {
    const cached = await trainRun({ ...frozen, devices: 'cpu:1', verifyCache: true });
    expect(cacheHitsOf(cached)).toBeGreaterThan(0);
    expect(hashesOf(cached)).toEqual(hashesOf(await reference()));
  });
  it.each(['zb-h1', 'interleaved'] as const)(
    'the schedule %s, in a pipeline that becomes replicas',
    async (schedule) => {
      expect(hashesOf(await trainRun({ ...frozen, devices: 'cpu:2', pipeline: 2, schedule }))).toEqual(
        hashesOf(await reference()),
      );
    },
  );
  it('a schedule from a file, of which the freezing leaves no use', async () => {
    const run = await trainRun({ ...frozen, devices: 'cpu:2', pipeline: 2, schedule: fileOf(OWN_SCHEDULES.pairs) });
    const [first, ...later] = run.of('plan.made');
    expect(first?.schedule).toBe('mine.txt');
    expect(later.find(({ K }) => K === 1)?.reason).toContain('mine.txt is for K=2, M=8 and has no place here');
    expect(hashesOf(run)).toEqual(hashesOf(await reference()));
  });
  it('a cache of which most lies on a disk', async () => {
    // A record of 256 channels is some 16 kB, and each of two levels has half of 1 MiB: memory has room for about 30 of
    // the 119 samples.
    const wide: Partial<TrainConfigInput> = {
      ...frozen,
      modelOptions: { layers: 3, width: 256, heads: 2, patch: 8 },
      steps: 20,
      freezeSchedule: '6:1',
    };
    const plain = await trainRun({ ...wide, devices: 'cpu:1', cache: 'off', dp: 'off' });
    const tiered = await trainRun({
      ...wide,
      devices: 'cpu:2',
      pipeline: 2,
      cacheMb: 1,
      cacheDiskMb: 64,
      verifyCache: true,
    });
    expect(tiered.of('cache.changed').map(({ state }) => state)).toEqual(['on']);
    // More than memory alone could give in the epochs after the one that fills.
    expect(cacheHitsOf(tiered)).toBeGreaterThan(80);
    expect(hashesOf(tiered)).toEqual(hashesOf(plain));
  });
  it('a lossy codec gives other bits, the same ones for every shape', async () => {
    const lossy = { ...frozen, cacheCodec: 'i8' } as const;
    const one = await trainRun({ ...lossy, devices: 'cpu:1', dp: 'off', verifyCache: true });
    expect(cacheHitsOf(one)).toBeGreaterThan(0);
    expect(hashesOf(one).weights).not.toBe(hashesOf(await reference()).weights);
    expect(hashesOf(await trainRun({ ...lossy, devices: 'cpu:2', pipeline: 2 }))).toEqual(hashesOf(one));
  });
  it('the same validation metric in every shape', async () => {
    const one = (await reference()).of('evaluation').map(({ loss, metric }) => ({ loss, metric }));
    // Of its five validations some are by a pipeline, the others by replicas.
    const two = (await becomesReplicas()).of('evaluation').map(({ loss, metric }) => ({ loss, metric }));
    expect(one).toHaveLength(5);
    expect(two).toEqual(one);
  });
});

describe('randomness, optimizers and language models are as exact', () => {
  const cases: [name: string, changes: Partial<TrainConfigInput>][] = [
    ['dropout', { modelOptions: { layers: 2, width: 16, heads: 2, patch: 8, dropout: 0.2 } }],
    ['SGD with Nesterov momentum', { optimizer: 'sgd', nesterov: true, lr: '0.05' }],
    ['no clipping', { clip: 0 }],
    ['an optimizer that looks at whole parameters', { optimizer: 'lamb', lr: '1e-2' }],
    [
      'rmsprop, a schedule by name, rates by layer, a mean of the weights, smoothed labels',
      { optimizer: 'rmsprop', lr: '1e-2', lrSchedule: 'cosine', layerDecay: 0.7, ema: 0.9, labelSmoothing: 0.1 },
    ],
    [
      'a language model',
      {
        model: 'gpt',
        modelOptions: { layers: 2, width: 16, heads: 2 },
        data: 'synthetic:text',
        dataOptions: { samples: 64, sequence: 16 },
      },
    ],
  ];
  it.each(cases)('%s', async (_, changes) => {
    const one = await trainRun({ ...changes, devices: 'cpu:1' });
    const two = await trainRun({ ...changes, devices: 'cpu:2', pipeline: 2 });
    const replicated = await trainRun({ ...changes, devices: 'cpu:2', pipeline: 1, replicas: 2 });
    expect(hashesOf(two)).toEqual(hashesOf(one));
    expect(hashesOf(replicated)).toEqual(hashesOf(one));
  });
});

describe('a fast run', () => {
  it('gives up equal bits, not the result: its losses stay close to the exact ones', async () => {
    const exact = await trainRun({ devices: 'cpu:2', pipeline: 1, replicas: 2 });
    const fast = await trainRun({ devices: 'cpu:2', pipeline: 1, replicas: 2, exact: false });
    expect(fast.of('plan.made')[0]).toMatchObject({ microBatches: 1 });
    // Another order of float32 sums of a dozen terms: 1e-6 relative per step, growing with the steps it is fed back
    // through.
    for (const [step, loss] of lossesOf(fast).entries())
      expect(Math.abs(loss - (lossesOf(exact)[step] as number))).toBeLessThan(1e-4);
  });
});
