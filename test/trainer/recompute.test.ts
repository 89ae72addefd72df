// Recomputation: stages that compute their forward again give the same bits as stages that keep everything, with real
// workers.
import { describe, expect, it } from 'vitest';
import type { TrainConfigInput } from '../../engine/core/config.js';
import { hashesOf, referenceRun, type TrainedRun, trainRun } from './train-run.js';

const recomputed = (run: TrainedRun): unknown => run.of('plan.made').map(({ recompute }) => recompute);

// Dropout: the second forward must draw the same masks.
const settings: Partial<TrainConfigInput> = {
  modelOptions: { layers: 2, width: 16, heads: 2, patch: 8, dropout: 0.2 },
  steps: 8,
};
const gpipe: Partial<TrainConfigInput> = { ...settings, devices: 'cpu:2', pipeline: 2, replicas: 1, schedule: 'gpipe' };

describe('a stage that computes its forward again', () => {
  const reference = () => referenceRun({ ...settings, devices: 'cpu:1', recompute: 'off' });

  const cases: [name: string, changes: Partial<TrainConfigInput>, stages: number[]][] = [
    ['GPipe, both stages', { ...gpipe, recompute: 'on' }, [0, 1]],
    ['GPipe, the first stage only', { ...gpipe, recompute: '0' }, [0]],
    [
      '1F1B, where the last stage holds one micro-batch and has nothing to repeat',
      { ...gpipe, schedule: '1f1b', recompute: 'on' },
      [0],
    ],
    ['ZB-H1, whose backward is split', { ...gpipe, schedule: 'zb-h1', recompute: 'on' }, [0, 1]],
    ['ZB-H1, the last stage only', { ...gpipe, schedule: 'zb-h1', recompute: '1' }, [1]],
    [
      'interleaved 1F1B, all stages but the last, which holds one micro-batch',
      { ...gpipe, schedule: 'interleaved', recompute: 'on' },
      [0, 1, 2],
    ],
    ['interleaved 1F1B, one stage of each worker', { ...gpipe, schedule: 'interleaved', recompute: '1,2' }, [1, 2]],
  ];
  it.each(cases)('gives the same losses and weights: %s', async (_, changes, stages) => {
    const run = await trainRun(changes);
    expect(recomputed(run)).toEqual([stages]);
    expect(hashesOf(run)).toEqual(hashesOf(await reference()));
  });

  it('gives the same bits above a frozen prefix that is cached', async () => {
    const frozen: Partial<TrainConfigInput> = {
      ...gpipe,
      dp: 'off',
      steps: 20,
      freeze: 'manual',
      freezeSchedule: '7:1',
    };
    const kept = await trainRun({ ...frozen, recompute: 'off' });
    const again = await trainRun({ ...frozen, recompute: 'on' });
    expect(recomputed(again)).toEqual([
      [0, 1],
      [0, 1],
    ]);
    expect(again.of('step').at(-1)?.cacheHits).toBeGreaterThan(0);
    expect(hashesOf(again)).toEqual(hashesOf(kept));
  });
});

describe('a memory limit', () => {
  it('makes stages recompute where they would not fit otherwise, and no bit changes', async () => {
    // The paper's partition goes by sizes alone: with cuts from measured times the limited run could fit by other cuts
    // instead.
    const settled: Partial<TrainConfigInput> = { ...gpipe, partition: 'paper', recompute: 'auto' };
    const kept = await trainRun(settled);
    expect(recomputed(kept)).toEqual([[]]);
    const [plan] = kept.of('plan.made');
    const largest = Math.max(...(plan?.memoryPerWorker ?? []));
    const limited = await trainRun({ ...settled, memoryLimit: String(largest - 1) });
    expect(recomputed(limited)).not.toEqual([[]]);
    expect(Math.max(...(limited.of('plan.made')[0]?.memoryPerWorker ?? []))).toBeLessThan(largest);
    expect(hashesOf(limited)).toEqual(hashesOf(kept));
  });

  it('that nothing fits is refused with both numbers', async () => {
    await expect(trainRun({ ...gpipe, memoryLimit: '10kB' })).rejects.toMatchObject({
      code: 'PT_MEMORY_LIMIT',
      message: expect.stringMatching(/needs \d+\.\d [kM]B on a worker, the limit is 10\.0 kB/) as string,
    });
  });
});
