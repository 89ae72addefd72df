// Settings that nobody reads: every setting has a reader that says so, and says what decides.
import { describe, expect, it } from 'vitest';
import { type TrainConfig, type TrainConfigInput, trainConfigSchema } from '../../engine/core/config.js';
import { idleSettings, SETTING_READERS } from '../../engine/run/idle-settings.js';
import { OPTIMIZERS } from '../../engine/tensor/optimizers/registry.js';
import { FREEZE_POLICIES } from '../../freeze/registry.js';

const config = (settings: Partial<TrainConfigInput>): TrainConfig =>
  trainConfigSchema.parse({ model: 'vit', data: 'synthetic:digits', steps: 1, freeze: 'paper', ...settings });
/** The settings among those given that have no effect, and what decides that. */
function idle(settings: Partial<TrainConfigInput>): Record<string, string> {
  const found = idleSettings(config(settings)).filter(({ name }) => name in settings);
  return Object.fromEntries(found.map(({ name, decidedBy }) => [name, decidedBy]));
}

describe('every setting', () => {
  it('has a reader', () => {
    expect(Object.keys(SETTING_READERS).sort()).toEqual(Object.keys(trainConfigSchema.shape).sort());
  });

  it('that is not always read is idle in some configuration, and read in another', () => {
    const wishes: Partial<TrainConfigInput> = {
      ...{ augmentPixels: 3, views: 2, port: 7000, epochs: 2, initStrict: true, nesterov: true, verifyCache: true },
      ...{ guard: 'on', guardEvery: '5 steps', guardSamples: 9, cacheDiskMb: 9, cacheDir: 'd', freezeMax: 1 },
      ...{ freezeSchedule: '1:1', schedule: 'gpipe', programCacheMb: 9, growFrom: 1, lrFloor: 0.1, growBy: 'identity' },
    };
    const wild = [
      { steps: undefined, augment: 'shift', initFrom: 'run', momentum: 0.5 },
      { pipeline: 1, listen: 'h:1', programCache: 'off', freeze: 'none', optimizer: 'sgd' },
      { optimizer: 'sgd', steps: 3, grow: 'auto', lrSchedule: 'wsd' },
      { optimizer: 'rmsprop' },
      { freeze: 'auto', model: 'hf:x' },
      ...FREEZE_POLICIES.names.map((freeze) => ({ freeze })),
    ] as const;
    for (const [name, reader] of Object.entries(SETTING_READERS)) {
      // Weight decay is read by every optimizer that there is.
      if (reader === 'always' || name === 'weightDecay') continue;
      const verdicts = wild.map((one) => reader(config({ ...wishes, ...one })) === null);
      expect(new Set(verdicts), name).toEqual(new Set([true, false]));
    }
  });
});

describe('a setting without effect', () => {
  it.each<[Partial<TrainConfigInput>, Record<string, string>]>([
    [
      { optimizer: 'adamw', nesterov: true, momentum: 0.5, beta1: 0.8 },
      { nesterov: 'optimizer', momentum: 'optimizer' },
    ],
    [
      { optimizer: 'sgd', beta1: 0.8, beta2: 0.8, epsilon: 1e-3 },
      { beta1: 'optimizer', beta2: 'optimizer', epsilon: 'optimizer' },
    ],
    [{ optimizer: 'sgd', nesterov: true, momentum: 0 }, { nesterov: 'momentum' }],
    [{ freeze: 'auto', freezeAlpha: 0.2 }, { freezeAlpha: 'freeze' }],
    [{ freeze: 'auto', freezeBudget: 0.1, model: 'hf:x' }, {}],
    [{ freeze: 'auto', freezeBudget: 0.1, initFrom: 'run' }, {}],
    [{ freeze: 'auto', freezeBudget: 0.1 }, { freezeBudget: 'freeze' }],
    [
      { freeze: 'paper', freezeSchedule: '1:1', freezeStart: 0.2 },
      { freezeSchedule: 'freeze', freezeStart: 'freeze' },
    ],
    [{ freeze: 'manual', freezeSchedule: '1:1', freezeMax: 1 }, {}],
    [
      { freeze: 'none', freezeMax: 1, guard: 'on' },
      { freezeMax: 'freeze', guard: 'freeze' },
    ],
    [{ freeze: 'none', guard: 'off', cache: 'off' }, {}],
    [{ freeze: 'paper', guard: 'off', guardEvery: '1 epoch' }, { guardEvery: 'guard' }],
    [{ freeze: 'manual', guardSamples: 9 }, { guardSamples: 'guard' }],
    [{ freeze: 'manual', guard: 'on', guardSamples: 9 }, {}],
    [
      { cache: 'off', cacheMb: 9, verifyCache: true },
      { cacheMb: 'cache', verifyCache: 'cache' },
    ],
    [
      { freeze: 'none', cacheCodec: 'f16', cacheDiskMb: 1 },
      { cacheCodec: 'freeze', cacheDiskMb: 'freeze' },
    ],
    [{ cacheDir: 'd' }, { cacheDir: 'cacheDiskMb' }],
    [{ initStrict: true }, { initStrict: 'initFrom' }],
    [
      { augmentPixels: 3, views: 2 },
      { augmentPixels: 'augment', views: 'augment' },
    ],
    [{ epochs: 2, steps: 3 }, { epochs: 'steps' }],
    [{ port: 7000, listen: '127.0.0.1:8000' }, { port: 'listen' }],
    [{ pipeline: 1, schedule: 'gpipe' }, { schedule: 'pipeline' }],
    [{ programCache: 'off', programCacheMb: 9 }, { programCacheMb: 'programCache' }],
  ])('%j', (settings, expected) => {
    expect(idle(settings)).toEqual(expected);
  });

  it('is told with who would read it', () => {
    expect(idleSettings(config({ nesterov: true })).find(({ name }) => name === 'nesterov')?.why).toBe(
      'only the optimizer sgd reads it, and the optimizer is adamw',
    );
  });
});

describe('what is listed', () => {
  it('reads something, or nothing for a reason', () => {
    for (const { name, reads } of OPTIMIZERS.all) expect(reads, name).not.toEqual([]);
    for (const { name, reads } of FREEZE_POLICIES.all) expect(reads.length === 0, name).toBe(name === 'none');
  });

  it('says of a policy what its guard is, as the policy itself does', () => {
    const options = { alpha: 0.5, schedule: '1:1', percentile: 50, start: 0.5, budget: 0.15 };
    for (const kind of FREEZE_POLICIES.all)
      for (const pretrainedLayers of kind.needsTrained === true ? [4] : [4, 0])
        expect(kind.make({ ...options, pretrainedLayers }).isGuarded, kind.name).toBe(kind.isGuarded);
  });
});
