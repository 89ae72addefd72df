// What of a model can grow, and which settings cannot be carried out: found when a run is set up.
import { describe, expect, it } from 'vitest';
import { type TrainConfigInput, trainConfigSchema } from '../../engine/core/config.js';
import type { PipetrainError } from '../../engine/core/errors.js';
import type { DataInfo } from '../../engine/data/dataset.js';
import type { Block, Model } from '../../engine/model/block.js';
import { bias, defineBlock, defineInputBlock, matrix } from '../../engine/model/define-block.js';
import { repeatingLayers } from '../../engine/model/repeating-layers.js';
import { runGrowth } from '../../engine/run/run-growth.js';
import { setUpRun } from '../../engine/run/run-setup.js';
import * as tf from '../../engine/tensor/tf.js';
import { errorOf } from '../error-of.js';

const setUp = (changes: Partial<TrainConfigInput>) =>
  setUpRun(
    trainConfigSchema.parse({
      model: 'vit',
      modelOptions: { layers: 6, width: 16, heads: 2, patch: 8 },
      data: 'synthetic:digits',
      dataOptions: { samples: 40 },
      devices: 'cpu:1',
      steps: 100,
      batch: 8,
      ...changes,
    }),
  );

const DATA: DataInfo = {
  task: 'other',
  fields: [{ name: 'x', shape: [4], dtype: 'float32' }],
  classes: null,
  vocabulary: null,
  sequence: null,
};
const layer = (index: number, of: (x: tf.Tensor) => tf.Tensor, width = 4): Block =>
  defineBlock({
    name: `anything${index}`,
    kind: 'other',
    layer: index,
    params: { a: matrix([4, width]), b: matrix([width, 4]), c: bias(4) },
    forward: (x, p) => tf.add(x, tf.add(tf.matMul(of(tf.matMul(x as tf.Tensor2D, p.a as tf.Tensor2D)), p.b), p.c)),
  });
const model = (layers: readonly Block[]): Model => ({
  name: 'mine',
  blocks: [
    defineInputBlock({
      name: 'input',
      kind: 'embedding',
      params: { w: matrix([4, 4]) },
      forward: (p, context) => tf.matMul(context.field('x') as tf.Tensor2D, p.w as tf.Tensor2D),
    }),
    ...layers,
  ],
  loss: (y) => tf.mean(tf.square(y), -1),
  score: null,
  metric: { name: 'loss', higherIsBetter: false },
});

describe('the growth of a run', () => {
  it('has the sizes of its schedule, and of each the blocks that are missing', async () => {
    const { growth } = await setUp({ grow: '0:3,20:6', growBy: 'interleave' });
    expect(growth?.sizes.map(({ layers }) => layers)).toEqual([3, 6]);
    expect(growth?.sizes[0]?.absent).toEqual([3, 4, 7, 8, 11, 12]);
    expect(growth?.sizes[1]?.born).toEqual([3, 4, 7, 8, 11, 12].map((block) => ({ block, like: block - 2 })));
  });
  it('starts with half of the layers by itself, and doubles what it is told to start with', async () => {
    const sizes = async (changes: Partial<TrainConfigInput>) =>
      (await setUp({ grow: 'auto', ...changes })).growth?.sizes.map(({ layers }) => layers);
    expect(await sizes({})).toEqual([3, 6]);
    expect(await sizes({ growFrom: 1 })).toEqual([1, 2, 4, 6]);
  });
  it('keeps what the model computes where its blocks say how, and else stacks', async () => {
    const wayOf = async (changes: Partial<TrainConfigInput>) =>
      (await setUp({ grow: 'auto', ...changes })).growth?.way.name;
    expect(await wayOf({})).toBe('identity');
    const own = { model: model([layer(0, tf.relu), layer(1, tf.relu)]), data: DATA, totalSteps: 100, isTrained: false };
    const settings = trainConfigSchema.parse({ model: 'mine', data: 'mine', grow: '0:1,20:2' });
    expect(runGrowth({ ...own, config: settings })?.way.name).toBe('stack');
    const misnamed = model([0, 1].map((index) => ({ ...layer(index, tf.relu), closing: ['nope'] })));
    const wrong = errorOf(() => runGrowth({ ...own, model: misnamed, config: settings }));
    expect([wrong.code, wrong.message]).toEqual(['PT_GROW_MODEL', expect.stringContaining('nope')]);
    const error = errorOf(() => runGrowth({ ...own, config: { ...settings, growBy: 'identity' } }));
    expect(error.code).toBe('PT_GROW_MODEL');
    expect(error.message).toContain('the block anything0 does not say');
    expect(errorOf(() => runGrowth({ ...own, config: settings, isTrained: true })).message).toContain(
      'trained weights',
    );
  });
  it('is nothing where nothing is said', async () => {
    expect((await setUp({})).growth).toBeNull();
  });
  it.each<[Partial<TrainConfigInput>, string, string]>([
    [{ grow: '0:3,20:5' }, 'PT_GROW', 'ends with 5 layers, the model has 6'],
    [{ grow: '0:3,100:6' }, 'PT_GROW', 'whole at step 100, the run has 100 steps'],
    [{ grow: 'auto', growFrom: 6 }, 'PT_GROW', 'the model has 6 layers, 6 of which repeat'],
    [
      { grow: '0:3,20:6', freeze: 'manual', freezeSchedule: '10:1' },
      'PT_GROW',
      'freezes 1 layers at step 10, by --grow 0:3,20:6 the model is whole at step 20',
    ],
    [{ grow: 'auto', modelOptions: { layers: 1, width: 16, heads: 2, patch: 8 } }, 'PT_GROW_MODEL', 'it has 1 layer'],
  ])('%j is refused', async (changes, code, message) => {
    const error = await setUp(changes).then(
      () => null,
      (thrown: PipetrainError) => thrown,
    );
    expect(error?.code).toBe(code);
    expect(error?.message).toContain(message);
  });
});

describe('layers that repeat', () => {
  const found = (layers: readonly Block[]) => {
    const { first, count } = repeatingLayers(model(layers), DATA);
    return { first, count };
  };
  it('are told by what they compute, not by their names', () => {
    expect(found([layer(0, tf.relu), layer(1, tf.relu), layer(2, tf.relu)])).toEqual({ first: 0, count: 3 });
    expect(found([layer(0, tf.tanh), layer(1, tf.relu), layer(2, tf.relu)])).toEqual({ first: 1, count: 2 });
  });
  it('have parameters of the same shapes', () => {
    expect(found([layer(0, tf.relu), layer(1, tf.relu, 8), layer(2, tf.relu, 8)])).toEqual({ first: 1, count: 2 });
  });
  it('are none where neighbours differ', () => {
    expect(found([layer(0, tf.relu), layer(1, tf.tanh), layer(2, tf.relu)])).toEqual({ first: 0, count: 1 });
  });
});
