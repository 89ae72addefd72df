// Fine-tuning `hf:DIR`: workers that each read only their blocks start from the same weights in every shape of the run,
// and learn.
import { describe, expect, it } from 'vitest';
import type { TrainConfigInput } from '../../engine/core/config.js';
import { TINY as MODEL } from '../model/hf-folder.js';
import { scratchWith } from '../scratch.js';
import { trainRun } from './train-run.js';

const lines = Array.from({ length: 40 }, (_, i) =>
  i % 2 === 0 ? `the film ${i % 4} is good fun\t1` : `a dull slow plot ${i % 3}\t0`,
).join('\n');

describe('a pretrained encoder', () => {
  it(
    'trains with equal bits on one worker, as a pipeline and as replicas, ' + 'with the vocabulary of its folder',
    async () => {
      const data = `tsv:${scratchWith({ 'train.tsv': lines, 'dev.tsv': lines })}`;
      const run = (devices: string, pipeline: number) =>
        trainRun({
          freeze: 'none',
          model: `hf:${MODEL}`,
          modelOptions: {},
          data,
          dataOptions: {},
          batch: 8,
          microBatch: 2,
          steps: 20,
          lr: '3e-3',
          devices,
          pipeline,
        });
      const one = await run('cpu:1', 1);
      const loss = one.of('step').map((step) => step.loss);
      // The two kinds of line share no word but the number, so they are soon told apart: chance is 0.69.
      expect(loss.at(-1)).toBeLessThan(0.3);
      for (const other of [await run('cpu:2', 2), await run('cpu:2', 1)]) {
        expect(other.finished.weightsSha256).toBe(one.finished.weightsSha256);
        expect(other.finished.lossSha256).toBe(one.finished.lossSha256);
      }
    },
  );
  it('has lower layers frozen by default when little is left to learn, with equal bits in every shape', async () => {
    const data = `tsv:${scratchWith({ 'train.tsv': lines, 'dev.tsv': lines })}`;
    const run = (shape: Partial<TrainConfigInput>) =>
      trainRun({
        model: `hf:${MODEL}`,
        modelOptions: {},
        data,
        dataOptions: {},
        batch: 8,
        microBatch: 2,
        steps: 20,
        lr: '3e-3 * (1 - progress)',
        freezeInterval: '2 steps',
        evalEvery: '2 steps',
        ...shape,
      });
    const one = await run({ devices: 'cpu:1', cache: 'off' });
    const froze = one.of('freeze.decided').filter(({ fromLayers, toLayers }) => toLayers > fromLayers);
    expect(one.of('freeze.decided')[0]).toMatchObject({ step: 2, policy: 'auto', toLayers: 0 });
    expect(froze.length).toBeGreaterThan(0);
    expect(froze[0]?.step).toBeGreaterThan(2);
    // Watched from the next whole validation on; none of its looks is on fewer samples.
    const looks = one.of('guard.looked');
    expect(looks.find(({ watching }) => watching === froze[0]?.step)?.step).toBe((froze[0]?.step ?? 0) + 2);
    expect(new Set(looks.map(({ samples }) => samples))).toEqual(new Set([40]));
    expect(one.of('freeze.rolledBack')).toEqual([]);
    const cached = await run({ devices: 'cpu:2', pipeline: 2 });
    expect(cached.of('step').reduce((sum, { cacheHits }) => sum + cacheHits, 0)).toBeGreaterThan(0);
    for (const other of [cached, await run({ devices: 'cpu:2', pipeline: 1 })]) {
      expect(other.finished.weightsSha256).toBe(one.finished.weightsSha256);
      expect(other.finished.lossSha256).toBe(one.finished.lossSha256);
    }
  });
});
