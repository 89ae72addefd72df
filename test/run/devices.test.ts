// The devices that are asked for by name: how many workers, on which executor, on which GPU.
import { describe, expect, test } from 'vitest';
import { trainConfigSchema } from '../../engine/core/config.js';
import { UsageError } from '../../engine/core/errors.js';
import { checkSettings } from '../../engine/run/check-settings.js';
import { deviceDoubt, deviceOf, executorOf, sameDevices, workersOf } from '../../engine/run/devices.js';
import { errorOf } from '../error-of.js';

const none = { gpus: [], installed: null, version: null, cuda: null, problem: 'there is no NVIDIA driver' };
const missing = (): never => {
  throw new UsageError('PT_DEVICES', 'PyTorch is not found', 'Run: pip install torch');
};

describe('devices', () => {
  test('name the executor of the workers', () => {
    expect(
      ['cpu:2', 'tfjs-cpu:2', 'tfjs-wasm:1', 'tfjs-node:3', 'tfjs-node-gpu:4', 'tfjs-webgpu:1', 'ort-webgpu:1'].map(
        executorOf,
      ),
    ).toEqual(['ort-cpu', 'tfjs-cpu', 'tfjs-wasm', 'tfjs-node', 'tfjs-node-gpu', 'tfjs-webgpu', 'ort-webgpu']);
    expect(workersOf('tfjs-cpu:3')).toEqual(['w0', 'w1', 'w2']);
  });

  test('number the GPUs from 0, and again from 0 for workers that came later', () => {
    expect(['w0', 'w1', 'w2', 'w3'].map((worker) => deviceOf('tfjs-node-gpu:2', worker).number)).toEqual([0, 1, 0, 1]);
  });

  test('of several kinds go to the workers in the order in which they are named', () => {
    expect(['w0', 'w1', 'w2', 'w3'].map((worker) => deviceOf('cpu:1,tfjs-cpu:2', worker))).toEqual([
      { executor: 'ort-cpu', number: 0 },
      { executor: 'tfjs-cpu', number: 0 },
      { executor: 'tfjs-cpu', number: 1 },
      { executor: 'ort-cpu', number: 0 },
    ]);
    expect(workersOf('cpu:1,tfjs-cpu:2')).toHaveLength(3);
    expect(sameDevices('cpu:1,cpu:1', 4)).toBe('cpu:4');
  });

  test('of several kinds are refused in an exact run, and possible with --fast', () => {
    const config = (exact: boolean) =>
      trainConfigSchema.parse({ model: 'gpt', data: 'synthetic:text', devices: 'cpu:1,tfjs-cpu:1', exact });
    const { code, message, hint } = errorOf(() => checkSettings(config(true)));
    expect(code).toBe('PT_DEVICES');
    expect(message).toContain('names ort-cpu and tfjs-cpu; in an exact run all workers compute with the same');
    expect(hint).toContain('--fast');
    expect(() => checkSettings(config(false))).not.toThrow();
  });

  test.each(['gpu:1', 'tfjs:1', 'cpu', 'tfjs-cpu', 'cpu:0', 'tfjs-cpu:257', 'cuda:0', 'cpu:1,', 'cpu:200,tfjs-cpu:57'])(
    'refuse %s',
    (text) => {
      expect(() => workersOf(text)).toThrow(`--devices ${text}`);
    },
  );
});

describe('GPUs that are not used', () => {
  test('are said where there are some', () => {
    const gpu = { index: 0, name: 'Made-up', memoryBytes: 80e9, capability: '9.0' };
    expect(deviceDoubt('auto', missing, () => ({ ...none, gpus: [gpu], installed: 1, problem: null }))).toBe(
      'the GPUs of this machine are not used: PyTorch is not found. Run: pip install torch',
    );
    expect(deviceDoubt('auto', missing, () => none)).toBeNull();
    expect(deviceDoubt('cpu:2', missing, () => expect.fail('asked the driver'))).toBeNull();
  });

  test('are said where cuda is not what it could be', () => {
    expect(deviceDoubt('cuda:1', missing, () => none)).toBe(
      'cuda is ONNX Runtime here: PyTorch is not found. Run: pip install torch',
    );
  });
});
