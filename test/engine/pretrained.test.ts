// Fine-tuning `hf:DIR`: workers that each read only their blocks start from the same weights in every shape of the run, and learn.
import { describe, expect, it } from 'vitest';
import { scratch } from '../data/scratch-folder.js';
import { TINY as MODEL } from '../model/hf-folder.js';
import type { TrainConfigInput } from '../../engine/config.js';
import { trainRun } from './train-run.js';

const folder = scratch();
const lines = Array.from({ length: 40 }, (_, i) => (i % 2 === 0 ? `the film ${i % 4} is good fun\t1` : `a dull slow plot ${i % 3}\t0`)).join('\n');

describe('a pretrained encoder', () => {
  it('trains with equal bits on one worker, as a pipeline and as replicas, with the vocabulary of its folder', async () => {
    const data = `tsv:${folder({ 'train.tsv': lines, 'dev.tsv': lines })}`;
    const run = (devices: string, pipeline: number) => trainRun({ freeze: 'none', model: `hf:${MODEL}`, modelOptions: {}, data, dataOptions: {}, batch: 8, microBatch: 2, steps: 20, lr: '3e-3', devices, pipeline });
    const one = await run('cpu:1', 1);
    const loss = one.of('step').map((step) => step.loss);
    // The two kinds of line share no word but the number, so they are soon told apart: chance is 0.69.
    expect(loss.at(-1)).toBeLessThan(0.3);
    for (const other of [await run('cpu:2', 2), await run('cpu:2', 1)]) {
      expect(other.finished.weightsSha256).toBe(one.finished.weightsSha256);
      expect(other.finished.lossSha256).toBe(one.finished.lossSha256);
    }
  });
  it('trains only its upper half where samples are few and nobody says otherwise, with equal bits in every shape', async () => {
    const data = `tsv:${folder({ 'train.tsv': lines, 'dev.tsv': lines })}`;
    const run = (shape: Partial<TrainConfigInput>) => trainRun({ model: `hf:${MODEL}`, modelOptions: {}, data, dataOptions: {}, batch: 8, microBatch: 2, steps: 20, lr: '3e-3', guardEvery: '2 steps', ...shape });
    const one = await run({ devices: 'cpu:1', cache: 'off' });
    const decisions = one.of('freeze.decided');
    expect(decisions[0]).toMatchObject({ step: 0, policy: 'auto', fromLayers: 0, toLayers: 1 });
    // Nothing more can freeze, since the last of the two layers always trains: the guard has nothing to look at.
    expect(decisions.slice(1).every(({ toLayers }) => toLayers === 1)).toBe(true);
    expect(one.of('guard.looked')).toEqual([]);
    expect(one.of('transition')).toEqual([]);
    const cached = await run({ devices: 'cpu:2', pipeline: 2 });
    expect(cached.of('step').reduce((sum, { cacheHits }) => sum + cacheHits, 0)).toBe(120);
    for (const other of [cached, await run({ devices: 'cpu:2', pipeline: 1 })]) {
      expect(other.finished.weightsSha256).toBe(one.finished.weightsSha256);
      expect(other.finished.lossSha256).toBe(one.finished.lossSha256);
    }
  });
});
