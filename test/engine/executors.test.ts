// The same training on other executors than the default one.
import { describe, expect, test } from 'vitest';
import { deviceNumberOf, executorOf, workersOf } from '../../engine/devices.js';
import { trainRun, type TrainedRun } from './train-run.js';

const losses = (run: TrainedRun): number[] => run.of('step').map(({ loss }) => loss);
const changes = { steps: 20, evalEvery: 'never' } as const;

describe('a run on TensorFlow.js', () => {
  const tfjs = trainRun({ ...changes, devices: 'tfjs-cpu:1' });

  test('has the losses of a run on ONNX Runtime', async () => {
    const onnx = await trainRun({ ...changes, devices: 'cpu:1' });
    expect((await tfjs).of('worker.joined').map(({ device }) => device)).toEqual(['tfjs-cpu']);
    expect(losses(onnx)).toHaveLength(20);
    // Roundings of 6e-8 per op in another order, and an erf that is off by 1.5e-7; twenty updates do not amplify them to 1e-5.
    for (const [step, loss] of losses(onnx).entries()) expect(Math.abs((losses(await tfjs)[step] as number) - loss)).toBeLessThan(1e-5);
    // Otherwise nothing was compared but the same executor.
    expect(losses(await tfjs)).not.toEqual(losses(onnx));
  });

  test('has the same bits as a pipeline of two', async () => {
    const two = await trainRun({ ...changes, devices: 'tfjs-cpu:2', pipeline: 2, replicas: 1 });
    expect(two.finished.weightsSha256).toBe((await tfjs).finished.weightsSha256);
    expect(losses(two)).toEqual(losses(await tfjs));
  });
});

describe('devices', () => {
  test('name the executor of the workers', () => {
    expect(['cpu:2', 'auto', 'tfjs-cpu:2', 'tfjs-wasm:1', 'tfjs-node:3', 'tfjs-node-gpu:4'].map(executorOf)).toEqual([
      'ort-cpu', 'ort-cpu', 'tfjs-cpu', 'tfjs-wasm', 'tfjs-node', 'tfjs-node-gpu',
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
