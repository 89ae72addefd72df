// The devices that are asked for by name: how many workers, on which executor, on which GPU.
import { describe, expect, test } from 'vitest';
import { deviceNumberOf, executorOf, workersOf } from '../../engine/run/devices.js';

describe('devices', () => {
  test('name the executor of the workers', () => {
    expect(
      [
        'cpu:2',
        'auto',
        'tfjs-cpu:2',
        'tfjs-wasm:1',
        'tfjs-node:3',
        'tfjs-node-gpu:4',
        'tfjs-webgpu:1',
        'ort-webgpu:1',
        'cuda:2',
      ].map(executorOf),
    ).toEqual([
      'ort-cpu',
      'ort-cpu',
      'tfjs-cpu',
      'tfjs-wasm',
      'tfjs-node',
      'tfjs-node-gpu',
      'tfjs-webgpu',
      'ort-webgpu',
      'ort-cuda',
    ]);
    expect(workersOf('tfjs-cpu:3')).toEqual(['w0', 'w1', 'w2']);
  });

  test('number the GPUs from 0, and again from 0 for workers that came later', () => {
    expect(['w0', 'w1', 'w2', 'w3'].map((worker) => deviceNumberOf('tfjs-node-gpu:2', worker))).toEqual([0, 1, 0, 1]);
  });

  test.each(['gpu:1', 'tfjs:1', 'cpu', 'tfjs-cpu', 'cpu:0', 'tfjs-cpu:257', 'cuda:0'])('refuse %s', (text) => {
    expect(() => workersOf(text)).toThrow(`--devices ${text}`);
  });
});
