// In bf16 too, one result for every shape of the run: a sample of the shapes, transitions and failures that the tests
// of float32 runs go through; `npm run test:bf16` takes all of them.
import { describe, expect, it } from 'vitest';
import type { TrainConfigInput } from '../../engine/core/config.js';
import { hashesOf, referenceRun, shapesOf, trainRun } from './train-run.js';

const bf16: Partial<TrainConfigInput> = {
  precision: 'bf16',
  modelOptions: { layers: 3, width: 16, heads: 2, patch: 8 },
  dataOptions: { samples: 119 },
  steps: 18,
  freeze: 'manual',
  freezeSchedule: '6:1,12:2',
  evalEvery: '1 epoch',
};
const reference = () => referenceRun({ ...bf16, devices: 'cpu:1', cache: 'off', dp: 'off' });

describe('in bf16', () => {
  // Whether the cache is on depends on times; what it holds is checked where it is.
  it('a pipeline that becomes replicas equals one worker', async () => {
    const elastic = await trainRun({ ...bf16, devices: 'cpu:2', pipeline: 2, verifyCache: true });
    // To which shapes depends on times.
    expect(shapesOf(elastic).length).toBeGreaterThan(0);
    expect(hashesOf(elastic)).toEqual(hashesOf(await reference()));
  });

  it.each([
    ['ZB-H1, which splits the backward', { devices: 'cpu:3', pipeline: 3, schedule: 'zb-h1', recompute: '1' }],
    ['2 replicas of an interleaved pipeline', { devices: 'cpu:4', pipeline: 2, replicas: 2, schedule: 'interleaved' }],
    ['workers that meet over sockets', { devices: 'cpu:2', pipeline: 2, transport: 'socket' }],
  ] as [string, Partial<TrainConfigInput>][])('%s', async (_, changes) => {
    expect(hashesOf(await trainRun({ ...bf16, ...changes }))).toEqual(hashesOf(await reference()));
  });

  it('a worker that is killed', async () => {
    let victim: number | null = null;
    const run = await trainRun({ ...bf16, devices: 'cpu:2', pipeline: 2 }, (event) => {
      if (event.type === 'worker.joined' && event.worker === 'w1') victim ??= event.pid;
      if (event.type === 'step' && event.step === 3 && victim !== null) {
        process.kill(victim, 'SIGKILL');
        victim = null;
      }
    });
    expect(run.of('worker.lost')).toHaveLength(1);
    expect(hashesOf(run)).toEqual(hashesOf(await reference()));
  });

  it('has other bits than float32, and the same metric within a few samples', async () => {
    const wide = await trainRun({ ...bf16, precision: 'fp32' });
    expect(hashesOf(wide).loss).not.toBe(hashesOf(await reference()).loss);
    expect(Math.abs(hashesOf(wide).metric - hashesOf(await reference()).metric)).toBeLessThan(0.15);
  });
});
