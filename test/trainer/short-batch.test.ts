// A last batch that leaves a replica nothing but padding: a sound run, and one that verifies as such.
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { RunFolder } from '../../engine/run/run-folder.js';
import { verifyRun } from '../../engine/verify/verify-run.js';
import { scratch } from '../scratch.js';
import { trainInto } from './run-on-disk.js';

describe('an epoch whose last batch is too short for all replicas', () => {
  // 80 % of the samples train: 33 are two whole batches and one sample, 40 are two and a half.
  it.each([
    [41, 2, [1, 0]],
    [41, 3, [1, 0, 0]],
    [50, 2, [8, 0]],
  ])('%d samples on %d replicas: every sample comes once', async (samples, replicas, last) => {
    const run = RunFolder.create(join(scratch(), 'run'));
    const trained = await trainInto(run, {
      dataOptions: { samples },
      devices: `cpu:${replicas}`,
      pipeline: 1,
      replicas,
      steps: 7,
    });
    const shares = trained.of('step')[2]?.shares ?? [];
    expect(shares.map(({ from, to }) => to - from)).toEqual(last);
    expect(verifyRun(run).filter(({ problem }) => problem !== null)).toEqual([]);
  });
});
