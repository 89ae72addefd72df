// Workers that share no memory, as on different hosts: tensors, gradients, state, snapshots and checkpoints go over sockets, and no bit changes.
import { describe, expect, it } from 'vitest';
import type { TrainConfigInput } from '../../engine/config.js';
import { trainRun, type TrainedRun } from './train-run.js';

const hashesOf = ({ finished }: TrainedRun): unknown => ({ loss: finished.lossSha256, weights: finished.weightsSha256 });
const SOCKETS: Partial<TrainConfigInput> = { transport: 'socket' };

describe('training over sockets', () => {
  it('gives the bits of one device for pipelines and replicas', async () => {
    const one = hashesOf(await trainRun({ devices: 'cpu:1' }));
    for (const [devices, pipeline, replicas, schedule] of [['cpu:2', 2, 1, '1f1b'], ['cpu:2', 1, 2, 'auto'], ['cpu:4', 4, 1, 'gpipe'], ['cpu:3', 3, 1, 'zb-h1']] as const)
      expect(hashesOf(await trainRun({ ...SOCKETS, devices, pipeline, replicas, schedule })), `${pipeline}x${replicas}`).toEqual(one);
  });
});
