// Workers that share no memory, as on different hosts: tensors, gradients, state, snapshots and checkpoints go over sockets, and no bit changes.
import { describe, expect, it } from 'vitest';
import type { TrainConfigInput } from '../../engine/config.js';
import { trainRun, type TrainedRun } from './train-run.js';

const hashesOf = ({ finished }: TrainedRun): unknown => ({ loss: finished.lossSha256, weights: finished.weightsSha256 });
const SOCKETS: Partial<TrainConfigInput> = { transport: 'socket' };

describe('training over sockets gives the bits of one device', () => {
  const one = trainRun({ devices: 'cpu:1' });
  it.each([
    ['a pipeline of 2 stages', { devices: 'cpu:2', pipeline: 2, replicas: 1 }],
    ['2 replicas', { devices: 'cpu:2', pipeline: 1, replicas: 2 }],
    ['a pipeline of 4 stages', { devices: 'cpu:4', pipeline: 4, replicas: 1, schedule: 'gpipe' }],
  ] as const)('%s', async (_, changes) => {
    expect(hashesOf(await trainRun({ ...SOCKETS, ...changes }))).toEqual(hashesOf(await one));
  });
});

describe('a run over sockets that freezes, becomes replicas and caches on every host', () => {
  const frozen: Partial<TrainConfigInput> = { modelOptions: { layers: 3, width: 16, heads: 2, patch: 8 }, dataOptions: { samples: 119 }, steps: 150, freeze: 'manual', freezeSchedule: '30:1,60:2', checkpointEvery: '40 steps' };
  const undisturbed = trainRun({ ...frozen, devices: 'cpu:1', cache: 'off', dp: 'off' });
  it('has the bits of an undisturbed one, though each of its workers is killed', async () => {
    const pids: number[] = [];
    const run = await trainRun({ ...frozen, ...SOCKETS, devices: 'cpu:2', pipeline: 2, verifyCache: true }, (event) => {
      if (event.type === 'worker.joined') pids.push(event.pid);
      if (event.type !== 'step') return;
      // The first stage while there are two, a replica afterwards.
      if (event.step === 20 && pids.length === 2) process.kill(pids[0] as number, 'SIGKILL');
      if (event.step === 100 && pids.length === 3) process.kill(pids[1] as number, 'SIGKILL');
    });
    expect(run.of('transition').map(({ from, to }) => `${from.K}x${from.R} ${to.K}x${to.R}`)).toContain('2x1 1x2');
    expect(run.of('recovered')).toMatchObject([{ lost: ['w0'], workers: 2 }, { lost: ['w1'], workers: 2 }]);
    expect(run.of('step').reduce((sum, { cacheHits }) => sum + cacheHits, 0)).toBeGreaterThan(0);
    expect(run.of('checkpoint.saved').map(({ step }) => step)).toEqual(expect.arrayContaining([40, 80, 120, 150]));
    expect(run.of('checkpoint.failed')).toEqual([]);
    expect(hashesOf(run)).toEqual(hashesOf(await undisturbed));
  });
});
