// The same training on other executors than the default one. Those whose package is not installed here are skipped, by
// name and with the reason.
import { describe, expect, test } from 'vitest';
import { deviceNumberOf, executorOf, workersOf } from '../../engine/run/devices.js';
import { obstacleTo } from '../tensor/obstacle.js';
import { type TrainedRun, trainRun } from './train-run.js';

const losses = (run: TrainedRun): number[] => run.of('step').map(({ loss }) => loss);
const changes = { steps: 20, evalEvery: 'never' } as const;
/** One run of each kind of device, made when it is first asked for. */
const runs = new Map<string, Promise<TrainedRun>>();
function runOn(devices: string): Promise<TrainedRun> {
  const run = runs.get(devices) ?? trainRun({ ...changes, devices });
  runs.set(devices, run);
  return run;
}

// Roundings of 6e-8 per op in another order, and an erf that is off by 1.5e-7 (plain JavaScript); twenty updates do not
// amplify them to 1e-5.
const TOLERANCES: readonly (readonly [kind: string, tolerance: number])[] = [
  ['tfjs-cpu', 1e-5],
  ['tfjs-wasm', 1e-5],
  ['tfjs-node', 1e-5],
  ['tfjs-webgpu', 1e-5],
  ['ort-webgpu', 1e-5],
  ['ort-cuda', 1e-5],
];

describe.each(TOLERANCES)('a run on %s', async (kind, tolerance) => {
  const reason = await obstacleTo(kind);
  if (reason !== null) {
    test.skip(`(skipped: ${reason})`, () => undefined);
    return;
  }
  // A software driver takes a minute for a run of WebGPU.
  const timeout = 400_000;

  test(
    'has the losses of a run on ONNX Runtime',
    async () => {
      const one = await runOn(`${kind}:1`);
      expect(one.of('worker.joined').map(({ device }) => device)).toEqual([kind]);
      const expected = losses(await runOn('cpu:1'));
      expect(expected).toHaveLength(20);
      for (const [step, loss] of expected.entries())
        expect(Math.abs((losses(one)[step] as number) - loss)).toBeLessThan(tolerance);
      // Otherwise nothing was compared but the same executor.
      expect(losses(one)).not.toEqual(expected);
    },
    timeout,
  );

  test(
    'has the same bits as a pipeline of two',
    async () => {
      const two = await trainRun({ ...changes, devices: `${kind}:2`, pipeline: 2, replicas: 1 });
      const one = await runOn(`${kind}:1`);
      expect(two.finished.weightsSha256).toBe(one.finished.weightsSha256);
      expect(losses(two)).toEqual(losses(one));
    },
    timeout,
  );
});

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
