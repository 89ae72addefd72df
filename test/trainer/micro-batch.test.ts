// The size of a micro-batch, found by measurement before the run.
import { describe, expect, it } from 'vitest';
import { best, microBatchSizes } from '../../engine/trainer/micro-batch-search.js';
import { trainRun } from './train-run.js';

const trial = (microBatch: number, predictedStepMs: number | null): Parameters<typeof best>[0][number] => ({
  microBatch,
  numMicroBatches: 64 / microBatch,
  K: 2,
  R: 1,
  schedule: '1f1b',
  predictedStepMs,
  why: predictedStepMs === null ? 'needs too much' : '',
});

describe('sizes of micro-batches', () => {
  it('divide the batch, near the usual one', () => {
    expect(microBatchSizes(64)).toEqual([1, 2, 4, 8, 16, 32]);
    expect(microBatchSizes(1)).toEqual([1]);
    expect(microBatchSizes(7)).toEqual([1, 7]);
    // At most 64 micro-batches.
    expect(microBatchSizes(512)[0]).toBe(8);
  });
  it('are judged by the predicted step, and the usual one stays where little is to be had', () => {
    expect(best([trial(4, 100), trial(8, 90), trial(16, 60)], 8)).toEqual({
      microBatch: 16,
      reason: '16 samples are predicted to take 60.0 ms a step, the usual 8 take 90.0 ms',
    });
    expect(best([trial(4, 89), trial(8, 90)], 8).microBatch).toBe(8);
    expect(best([trial(4, 100), trial(8, 90)], 8).reason).toBe('8 samples are predicted to be fastest: 90.0 ms a step');
  });
  it('that do not fit are left out', () => {
    expect(best([trial(4, 100), trial(8, null)], 8).microBatch).toBe(4);
    expect(() => best([trial(8, null)], 8)).toThrow(/no micro-batch size can be planned: needs too much/);
  });
});

it(
  'a run finds a size, says what the others would have taken, and ' + 'has the bits of a run that was given it',
  async () => {
    const found = await trainRun({ devices: 'cpu:2', microBatch: 'auto', steps: 3 });
    const [chosen] = found.of('microBatch.chosen');
    expect(chosen?.trials.map(({ microBatch }) => microBatch)).toEqual([1, 2, 4, 8, 16]);
    for (const { predictedStepMs } of chosen?.trials ?? []) expect(predictedStepMs).toBeGreaterThan(0);
    expect(found.of('run.started')[0]?.microBatch).toBe(chosen?.microBatch);
    const given = await trainRun({ devices: 'cpu:1', microBatch: chosen?.microBatch ?? 0, steps: 3 });
    expect(found.finished.lossSha256).toBe(given.finished.lossSha256);
    expect(found.finished.weightsSha256).toBe(given.finished.weightsSha256);
  },
);
