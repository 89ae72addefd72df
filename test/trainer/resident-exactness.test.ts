// On an executor with memory of its own, too, one result for every shape of the run, with the cache, through
// transitions, losses and resumes: state comes back from the device where somebody else goes on with it. Skipped where
// no PyTorch is installed, with the reason.
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { TrainConfigInput } from '../../engine/core/config.js';
import { RunFolder } from '../../engine/run/run-folder.js';
import { scratch } from '../scratch.js';
import { obstacleTo } from '../tensor/obstacle.js';
import { trainInto } from './run-on-disk.js';
import { cacheHitsOf, hashesOf, lossesOf, referenceRun, shapesOf, type TrainedRun, trainRun } from './train-run.js';

const frozen: Partial<TrainConfigInput> = {
  modelOptions: { layers: 3, width: 16, heads: 2, patch: 8 },
  dataOptions: { samples: 119 },
  steps: 18,
  freeze: 'manual',
  freezeSchedule: '6:1',
  evalEvery: '1 epoch',
};

const reason = await obstacleTo('torch-cpu');
if (reason !== null) it.skip(`torch-cpu (skipped: ${reason})`, () => undefined);
else {
  describe.each(['fp32', 'bf16'] as const)('on torch-cpu in %s', suite);

  it('on torch-cpu, a cache on one worker changes no bit', async () => {
    const cached = await trainRun({ ...frozen, devices: 'torch-cpu:1', verifyCache: true });
    expect(cacheHitsOf(cached)).toBeGreaterThan(0);
    expect(hashesOf(cached)).toEqual(hashesOf(await referenceOf(frozen)));
  });
}

function referenceOf(config: Partial<TrainConfigInput>): Promise<TrainedRun> {
  return referenceRun({ ...config, devices: 'torch-cpu:1', cache: 'off', dp: 'off' });
}

function suite(precision: 'fp32' | 'bf16'): void {
  const config = precision === 'fp32' ? frozen : { ...frozen, precision };
  const reference = () => referenceOf(config);

  it('a pipeline with a cache that becomes replicas, and loses a worker, equals one worker', async () => {
    let victim: number | null = null;
    const run = await trainRun({ ...config, devices: 'torch-cpu:2', pipeline: 2, verifyCache: true }, (event) => {
      if (event.type === 'worker.joined' && event.worker === 'w1') victim ??= event.pid;
      if (event.type === 'step' && event.step === 3 && victim !== null) {
        process.kill(victim, 'SIGKILL');
        victim = null;
      }
    });
    expect(run.of('worker.lost')).toHaveLength(1);
    expect(shapesOf(run).length).toBeGreaterThan(0);
    expect(hashesOf(run)).toEqual(hashesOf(await reference()));
  });

  it('so does one that stops and goes on as replicas', async () => {
    const run = RunFolder.create(join(scratch(), 'resumed'));
    const pipeline = { devices: 'torch-cpu:2', pipeline: 2, schedule: 'zb-h1', recompute: '1' } as const;
    await trainInto(run, { ...config, ...pipeline }, { stopAt: 8 });
    const replicas = { devices: 'torch-cpu:2', pipeline: 1, replicas: 2 } as const;
    const resumed = await trainInto(run, { ...config, ...replicas }, { resume: true });
    expect(hashesOf(resumed)).toEqual(hashesOf(await reference()));
  });

  it('has the losses of ONNX Runtime but for roundings', async () => {
    const expected = lossesOf(await referenceRun({ ...config, devices: 'cpu:1', cache: 'off', dp: 'off' }));
    // Roundings of 6e-8 per op in another order; of a bfloat16, 4e-3, where a sum lands on the other side of a tie.
    const tolerance = precision === 'fp32' ? 1e-5 : 1e-2;
    for (const [step, loss] of lossesOf(await reference()).entries())
      expect(Math.abs(loss - (expected[step] as number))).toBeLessThan(tolerance);
  });
}
