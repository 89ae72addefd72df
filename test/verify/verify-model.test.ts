// A model's own trial: a sound one is equal in every shape and through every disturbance; one that depends on the
// process it runs in is found out, by step and block.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { trainConfigSchema } from '../../engine/core/config.js';
import { limitDataset } from '../../engine/data/limited-dataset.js';
import { openDataset } from '../../engine/data/open-dataset.js';
import { setUpRun } from '../../engine/run/run-setup.js';
import { runTrial } from '../../engine/verify/shape-trial.js';
import { judge, planTrials, trialConfig, type TrialResult, verifyModel } from '../../engine/verify/verify-model.js';
import { scratch } from '../scratch.js';
import { TINY } from '../trainer/train-run.js';

let folder = '';
beforeAll(() => {
  folder = scratch();
});

describe('verifying a model', () => {
  it("of one's own finds it equal in every shape, cached, resumed and after a loss", async () => {
    const config = trainConfigSchema.parse({
      model: 'examples/my-model.ts',
      modelOptions: { width: 16, layers: 2, heads: 2 },
      data: 'synthetic:text',
      dataOptions: { sequence: 16 },
      batch: 8,
      microBatch: 2,
      steps: 500,
      programCache: scratch(),
    });
    const told: TrialResult[] = [];
    const results = await verifyModel(config, 8, (result) => told.push(result));
    expect(told).toEqual(results);
    expect(results.map(({ verdict }) => verdict)).not.toContain('different');
    expect(results.filter(({ verdict }) => verdict === 'reference')).toHaveLength(2);
    const equal = results.filter(({ verdict }) => verdict === 'equal').map(({ name }) => name);
    expect(equal).toEqual(
      expect.arrayContaining([
        'a pipeline of 2 stages',
        'a pipeline of 4 stages',
        '2 replicas',
        'stopped after step 3, resumed on one device',
        'a worker killed at step 3',
        'a pipeline that changes its shape as layers freeze',
      ]),
    );
    const [plain] = results;
    for (const { name, losses, weights } of results.slice(1, 7))
      expect([name, losses, weights]).toEqual([name, plain?.losses, plain?.weights]);
  });

  it('that depends on its process names the first step and the first block that differ', async () => {
    const path = join(folder, 'ghost.ts');
    // A parameter that every process begins differently, and that has no part in the output.
    writeFileSync(
      path,
      `import { bias, defineBlock, defineInputBlock, defineModel, matrix, nn, tf } from 'pipetrain';
import { z } from 'zod';
export const model = defineModel({
  name: 'ghost', summary: 'a test', options: z.strictObject({}), defaults: {},
  build: () => ({
    name: 'ghost',
    blocks: [
      defineInputBlock({
        name: 'flatten', kind: 'embedding', params: { w: matrix([256, 8]) },
        forward: (p, c) => tf.matMul(tf.reshape(c.field('image'), [-1, 256]), p.w),
      }),
      defineBlock({
        name: 'middle', kind: 'mlp', layer: 0, params: { w: matrix([8, 8]) },
        forward: (x, p) => tf.relu(nn.linear(x, p.w)),
      }),
      defineBlock({
        name: 'haunted', kind: 'head',
        params: { w: matrix([8, 10]), ghost: matrix([10, 10], 1 / process.pid), b: bias(10) },
        forward: (x, p) => tf.add(nn.linear(x, p.w, p.b), tf.mul(tf.sum(p.ghost), 0)),
      }),
    ],
    loss: (y, c) => nn.crossEntropy(y, c.field('label')), score: null, metric: { name: 'loss', higherIsBetter: false },
  }),
});`,
    );
    const setup = await setUpRun(
      trialConfig(trainConfigSchema.parse({ ...TINY, model: path, modelOptions: {} }), 6, 1),
    );
    const trial = planTrials(setup).find(({ trial: { name } }) => name === 'a pipeline of 2 stages')?.trial;
    if (trial === undefined) throw new Error('no such trial');
    const expected = await runTrial(setup.config, { kind: 'none' }, join(folder, 'one'));
    const { verdict, note } = await judge(trial, setup.config, expected, setup, join(folder, 'two'));
    expect([verdict, note]).toEqual(['different', 'differs first in the update of step 0, block 2 (haunted)']);
  });

  it('is not begun with too few steps', async () => {
    await expect(verifyModel(trainConfigSchema.parse(TINY), 3, () => undefined)).rejects.toMatchObject({
      code: 'PT_CONFIG_VALUE',
      exitCode: 2,
    });
  });

  it('says what a model cannot be put through', async () => {
    const setup = await setUpRun(
      trialConfig(
        trainConfigSchema.parse({
          ...TINY,
          modelOptions: { layers: 1, width: 8, heads: 2, patch: 8 },
          batch: 4,
          microBatch: 4,
        }),
        8,
        1,
      ),
    );
    const reasons = new Map(planTrials(setup).map(({ trial, reason }) => [trial.name, reason]));
    expect(reasons.get('2 replicas')).toMatch(/one micro-batch/);
    expect(reasons.get('the cache')).toMatch(/has 1 layer;/);
    expect(reasons.get('a pipeline of 4 stages')).toBeNull();
  });
});

describe('a data set with a limit', () => {
  it('draws samples of both parts by class, under ids that follow on each other, with a digest of its own', () => {
    const whole = openDataset('synthetic:digits', { samples: 50 });
    const few = limitDataset(whole, 7);
    expect([few.numTrain, few.numValidation]).toEqual([7, 7]);
    expect(limitDataset(whole, undefined)).toBe(whole);
    expect(limitDataset(whole, 1000)).toMatchObject({ numTrain: 40, numValidation: 10 });
    const imageOf = (dataset: typeof whole, id: number): Float32Array => {
      const image = new Float32Array(256);
      dataset.read(id, 'image', image, 0);
      return image;
    };
    const idsOf = (from: number, to: number): Map<string, number> =>
      new Map(Array.from({ length: to - from }, (_, i) => [imageOf(whole, from + i).join(), from + i]));
    const [train, validation] = [idsOf(0, 40), idsOf(40, 50)];
    for (const [first, ids] of [[0, train] as const, [7, validation] as const]) {
      const drawn = Array.from({ length: 7 }, (_, i) => ids.get(imageOf(few, first + i).join()) ?? -1);
      expect(drawn).not.toContain(-1);
      expect(drawn).toEqual([...new Set(drawn)].sort((a, b) => a - b));
    }
    expect(few.digest).not.toBe(whole.digest);
    expect(few.digest).not.toBe(limitDataset(whole, 8).digest);
  });
});
