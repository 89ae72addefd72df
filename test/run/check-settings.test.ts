// Settings that cannot be right, found without model, data or workers.
import { describe, expect, it } from 'vitest';
import { type TrainConfigInput, trainConfigSchema } from '../../engine/core/config.js';
import { checkSettings } from '../../engine/run/check-settings.js';
import { errorOf } from '../error-of.js';

const check = (settings: Partial<TrainConfigInput>): void =>
  checkSettings(
    trainConfigSchema.parse({ model: 'vit', data: 'synthetic:digits', devices: 'cpu:2', epochs: 2, ...settings }),
  );

describe('settings are refused before anything is started', () => {
  it.each<[Partial<TrainConfigInput>, string, string]>([
    [{ lr: '-1e-3' }, 'PT_LR_EXPRESSION', '"-1e-3" is -0.001; it must be a finite number'],
    [{ lr: 'max()' }, 'PT_LR_EXPRESSION', '"max()" cannot be computed'],
    [{ lr: 'progress - 0.5' }, 'PT_LR_EXPRESSION', 'is -0.5 at step 0 (epoch 0); it must'],
    [{ lr: '0.5 - progress', epochs: undefined, steps: 100 }, 'PT_LR_EXPRESSION', 'at step 74 of 100'],
    [{ lr: '1e-3 steps' }, 'PT_LR_EXPRESSION', 'two values without an operator between them'],
    [{ lr: '1 - progress', lrSchedule: 'linear' }, 'PT_LR_SCHEDULE', 'changes with progress by itself'],
    [{ lr: '0x10' }, 'PT_LR_EXPRESSION', 'contains 0x10'],
    [{ listen: '127.0.0.1:70000' }, 'PT_ADDRESS', 'the port 70000; the largest is 65535'],
    [{ devices: 'cpu:0' }, 'PT_DEVICES', '1 to 256'],
    [{ pipeline: 2, replicas: 2 }, 'PT_NOT_ENOUGH_WORKERS', 'takes 4 workers, --devices cpu:2 starts 2'],
    [{ freeze: 'manual' }, 'PT_FREEZE_SCHEDULE', 'no schedule'],
    [{ batch: 6, microBatch: 4 }, 'PT_MICRO_BATCH', '6 is not a multiple of --micro-batch 4'],
    [{ memoryLimit: '0MB' }, 'PT_MEMORY_LIMIT', '0 bytes'],
    [{ schedule: 'no-such' }, 'PT_SCHEDULE', '"no-such"'],
    [{ tlsCert: 'cert.pem' }, 'PT_TLS_FILES', 'without --tls-key'],
  ])('%j', (settings, code, message) => {
    const error = errorOf(() => check(settings));
    expect([error.code, error.exitCode]).toEqual([code, 2]);
    expect(error.message).toContain(message);
    expect(error.hint).not.toBe('');
  });

  it.each<[Partial<TrainConfigInput>]>([
    // Right only for a length that is not known here: nothing is guessed.
    [{ lr: '1e-3 * (steps - 10)' }],
    [{ lr: '1 - epoch / epochs' }],
    [{ lr: '1e-3 * (epochs - 1)', epochs: undefined, steps: 5 }],
    [{ microBatch: 'auto' }],
    [{ listen: '[::1]:0' }],
  ])('%j is left to those who know more', (settings) => {
    expect(() => check(settings)).not.toThrow();
  });
});

describe('times', () => {
  const accepts = (evalEvery: string): boolean =>
    trainConfigSchema.safeParse({ model: 'vit', data: 'x', evalEvery }).success;
  it.each(['1 step', '20 steps', '20steps', '0.5 epochs', '1 epoch', 'never', '0.05 epochs', '100 steps'])(
    '%s',
    (text) => {
      expect(accepts(text)).toBe(true);
    },
  );
  it.each(['0 steps', '0 epochs', '0.0 epochs', '00 steps', '1.5 steps', '-1 steps', '1e3 steps', 'steps', '', '5'])(
    '"%s" is none',
    (text) => {
      expect(accepts(text)).toBe(false);
    },
  );
});
