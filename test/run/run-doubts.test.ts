// Settings that come to nothing in a run of this length and these data are told with both numbers.
import { describe, expect, it } from 'vitest';
import { type TrainConfigInput, trainConfigSchema } from '../../engine/core/config.js';
import { runDoubts } from '../../engine/run/run-doubts.js';
import { setUpRun } from '../../engine/run/run-setup.js';

const doubtsOf = async (settings: Partial<TrainConfigInput>): Promise<string[]> =>
  runDoubts(
    await setUpRun(
      trainConfigSchema.parse({
        model: 'vit',
        modelOptions: { layers: 2, width: 8, heads: 1 },
        data: 'synthetic:digits',
        // 32 train, 8 validate.
        dataOptions: { samples: 40, size: 8 },
        devices: 'cpu:1',
        batch: 8,
        steps: 8,
        ...settings,
      }),
    ),
  );

describe('doubts about the settings of a run', () => {
  it.each<[Partial<TrainConfigInput>, string]>([
    [{ lr: '0 * step' }, 'the learning rate is 0 at every step (lr is "0 * step")'],
    [{ lr: '1e-46' }, 'the learning rate is 0 at every step (lr is "1e-46", too small for the 32 bits'],
    [{ clip: 1e-300 }, 'clip is 1e-300, which is 0 with 32 bits'],
    [{ epsilon: 1e30 }, 'epsilon is 1e+30: gradients are divided by so much'],
    [{ lr: '0.001', weightDecay: 1e9 }, 'gets to 0.001: a step takes away 1000000 times the weights'],
    [{ freeze: 'manual', freezeSchedule: '1:99' }, 'freezes 99 layers after step 1, the model has 2'],
    [{ freeze: 'manual', freezeSchedule: '1:0' }, 'freeze-schedule "1:0" freezes 0 layers'],
    [{ warmup: 20 }, 'warmup takes 20 steps, the run has 8: the learning rate gets no further than 40 %'],
    [{ freeze: 'manual', freezeSchedule: '2:1,8:2' }, 'freezes 2 layers after step 8, the run has 8 steps'],
    [{ freeze: 'paper', freezeInterval: '2 epochs' }, '"2 epochs" is 8 steps, the run has 8: the freeze policy paper'],
    [{ batch: 40 }, 'batch is 40, there are 32 training samples'],
    [{ limitSamples: 1000 }, 'limit-samples is 1000, the data have 32 training and 8 validation samples'],
    [{ augment: 'shift', views: 3 }, 'views is 3, the run has 2 epochs'],
    [{ recompute: '0,3' }, 'recompute names stage 3, counted from 0; with 1 worker there is 1'],
  ])('%j', async (settings, words) => {
    const doubts = await doubtsOf(settings);
    expect(doubts).toHaveLength(1);
    expect(doubts[0]).toContain(words);
  });

  it.each<[Partial<TrainConfigInput>]>([
    [{}],
    [{ warmup: 8 }],
    [{ warmup: 0.5 }],
    [{ lr: 'step < 4 ? 0 : 1e-3' }],
    [{ freeze: 'manual', freezeSchedule: '7:1' }],
    [{ freeze: 'paper', freezeInterval: '1 epoch' }],
    [{ batch: 32 }],
    [{ limitSamples: 20 }],
    [{ augment: 'shift', views: 2 }],
    [{ augment: 'shift' }],
    [{ recompute: '0' }],
  ])('none about %j', async (settings) => {
    expect(await doubtsOf(settings)).toEqual([]);
  });

  it.each([
    [90, 'Use --target-metric 0.9 for 90 %.'],
    [2, 'Use --target-metric 0.02 for 2 %.'],
    [-1, 'Use a number from 0 to 1.'],
  ])('refuses a target of %d for an accuracy', async (targetMetric, hint) => {
    await expect(doubtsOf({ targetMetric })).rejects.toMatchObject({
      code: 'PT_CONFIG_VALUE',
      message: `--target-metric is ${targetMetric}; the metric of vit is accuracy, a share from 0 to 1`,
      hint,
    });
  });

  it('refuses a batch that is larger than the usual one and than the data', async () => {
    await expect(doubtsOf({ batch: 2 ** 24 })).rejects.toMatchObject({
      code: 'PT_BATCH',
      exitCode: 2,
      message: '--batch 16777216 is more than the 32 training samples of synthetic:digits',
      hint: expect.stringContaining('--batch 32') as string,
    });
  });
});
