// Fine-tuning `hf:DIR`: workers that each read only their blocks start from the same weights in every shape of the run,
// and learn.
import { describe, expect, it } from 'vitest';
import type { TrainConfigInput } from '../../engine/core/config.js';
import { TINY as MODEL } from '../model/hf-folder.js';
import { scratchWith } from '../scratch.js';
import { type TrainedRun, trainRun } from './train-run.js';

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
  it(
    'trains only its upper half where samples are few and nobody says ' + 'otherwise, with equal bits in every shape',
    async () => {
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
          lr: '3e-3',
          guardEvery: '2 steps',
          ...shape,
        });
      const one = await run({ devices: 'cpu:1', cache: 'off' });
      const { numLayers, ...first } = decided(one);
      const half = Math.floor(numLayers / 2);
      // Held back until the guard has looked once, and watched from then on as any other freeze.
      expect(first).toEqual({ count: 2, step: 0, policy: 'auto', toLayers: 0 });
      expect(one.of('freeze.decided')).toMatchObject([
        {
          step: 0,
          wantedLayers: half,
          held: expect.stringContaining('all of the model trains until step 2') as string,
        },
        { step: 2, toLayers: half },
      ]);
      const looks = one.of('guard.looked').map(({ step, watching }) => [step, watching]);
      expect(looks).toEqual([
        [1, undefined],
        [2, undefined],
        [4, 2],
        [6, 2],
      ]);
      const cached = await run({ devices: 'cpu:2', pipeline: 2 });
      // 18 steps of 8 samples, of which 40 are computed once.
      expect(cached.of('step').reduce((sum, { cacheHits }) => sum + cacheHits, 0)).toBe(104);
      for (const other of [cached, await run({ devices: 'cpu:2', pipeline: 1 })]) {
        expect(other.finished.weightsSha256).toBe(one.finished.weightsSha256);
        expect(other.finished.lossSha256).toBe(one.finished.lossSha256);
      }
    },
  );
});

function decided(run: TrainedRun): {
  numLayers: number;
  count: number;
  step: number | undefined;
  policy: string | undefined;
  toLayers: number | undefined;
} {
  const [decision, ...more] = run.of('freeze.decided');
  const layers = run.of('run.started')[0]?.blocks.map(({ layer }) => layer ?? -1) ?? [];
  return {
    numLayers: Math.max(...layers) + 1,
    count: 1 + more.length,
    step: decision?.step,
    policy: decision?.policy,
    toLayers: decision?.toLayers,
  };
}
