// The same training on other executors than the default one. Those whose package is not installed here are skipped, by
// name and with the reason.
import { env } from 'node:process';
import { describe, expect, test } from 'vitest';
import { obstacleTo } from '../tensor/obstacle.js';
import { lossesOf, referenceRun, type TrainedRun, trainRun } from './train-run.js';

const isBf16 = env['PIPETRAIN_TEST_PRECISION'] === 'bf16';
const changes = { steps: 10, evalEvery: 'never' } as const;
const runOn = (devices: string): Promise<TrainedRun> => referenceRun({ ...changes, devices });

// Roundings of 6e-8 per op in another order, and an erf that is off by 1.5e-7 (plain JavaScript); ten updates do not
// amplify them to 1e-5.
const TOLERANCES: readonly (readonly [kind: string, tolerance: number])[] = [
  ['tfjs-cpu', 1e-5],
  ['tfjs-wasm', 1e-5],
  ['tfjs-node', 1e-5],
  ['tfjs-webgpu', 1e-5],
  ['ort-webgpu', 1e-5],
  ['ort-cuda', 1e-5],
  // In bf16 a sum in another order is now and then rounded to another bfloat16, 2^-9 away.
  ['torch-cpu', isBf16 ? 1e-4 : 1e-5],
  ['torch-cuda', isBf16 ? 1e-4 : 1e-5],
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
      const expected = lossesOf(await runOn('cpu:1'));
      expect(expected).toHaveLength(10);
      for (const [step, loss] of expected.entries())
        expect(Math.abs((lossesOf(one)[step] as number) - loss)).toBeLessThan(tolerance);
      // Otherwise nothing was compared but the same executor.
      expect(lossesOf(one)).not.toEqual(expected);
    },
    timeout,
  );

  test(
    'has the same bits as a pipeline of two',
    async () => {
      const two = await trainRun({ ...changes, devices: `${kind}:2`, pipeline: 2, replicas: 1 });
      const one = await runOn(`${kind}:1`);
      expect(two.finished.weightsSha256).toBe(one.finished.weightsSha256);
      expect(lossesOf(two)).toEqual(lossesOf(one));
    },
    timeout,
  );
});
