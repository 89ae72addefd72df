// What a block computes is told by a digest: another one where names and shapes stay as they are and the computation
// does not; the same one where only sizes, dropout, initial values or the rest of the model are others.
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import type { DataInfo } from '../../engine/data/dataset.js';
import type { Block } from '../../engine/model/block.js';
import { blockPrograms, otherPrograms, type ProgramSubject } from '../../engine/model/block-programs.js';
import { buildModel } from '../../engine/model/build-model.js';
import { defineModel, type ModelDefinition } from '../../engine/model/define.js';
import { builtInModel } from '../../engine/model/registry.js';
import * as nn from '../../engine/tensor/nn.js';
import * as tf from '../../engine/tensor/tf.js';

const field = (name: string, shape: readonly number[], dtype: 'float32' | 'int32' = 'int32') => ({
  name,
  shape,
  dtype,
});
const running = (sequence: number, vocabulary = 20): DataInfo => ({
  task: 'language-model',
  fields: [field('tokens', [sequence]), field('targets', [sequence])],
  classes: null,
  vocabulary,
  sequence,
});
const labelled = (sequence: number, classes = 2): DataInfo => ({
  task: 'text-classification',
  fields: [field('tokens', [sequence]), field('mask', [sequence], 'float32'), field('label', [])],
  classes,
  vocabulary: 20,
  sequence,
});

function subjectOf(
  definition: ModelDefinition | null,
  data: DataInfo,
  modelOptions = {},
  precision: 'fp32' | 'bf16' = 'fp32',
): ProgramSubject {
  if (definition === null) throw new Error('there is no such model');
  return { definition, modelOptions, data, model: buildModel(definition, modelOptions, data, { precision }) };
}
const [gpt, bert] = [builtInModel('gpt'), builtInModel('bert')];
const SMALL = { layers: 2, width: 16, heads: 4 };
const others = (now: ProgramSubject, was: ProgramSubject): string[] => otherPrograms(now, blockPrograms(was));

describe('built-in models', () => {
  const was = subjectOf(gpt, running(8), SMALL);

  it.each([
    ['sequence', subjectOf(gpt, running(12), SMALL)],
    ['vocabulary', subjectOf(gpt, running(8, 30), SMALL)],
    ['dropout', subjectOf(gpt, running(8), { ...SMALL, dropout: 0.3 })],
    ['depth', subjectOf(gpt, running(8), { ...SMALL, layers: 4 })],
    ['precision', subjectOf(gpt, running(8), SMALL, 'bf16')],
  ])('compute the same with another %s', (_, now) => {
    expect(others(now, was)).toEqual([]);
  });

  it('have other attention with other heads, and nothing else', () => {
    expect(others(subjectOf(gpt, running(8), { ...SMALL, heads: 1 }), was)).toEqual([
      'layer0.attention',
      'layer1.attention',
    ]);
    expect(others(subjectOf(bert, labelled(8, 5), SMALL), subjectOf(bert, labelled(6), SMALL))).toEqual([]);
  });

  it('are compared block by block where one cannot be built for the data of the other', () => {
    const names = others(subjectOf(bert, labelled(8), SMALL), was);
    // The one looks ahead and hides padding, the other does not; their MLPs are the same.
    expect(names).toContain('layer0.attention');
    expect(names).not.toContain('layer0.mlp');
  });
});

describe('the block of a model file', () => {
  const w = (std: number): Block['params'][string] => ({ shape: [6, 6], init: { kind: 'normal', std }, decay: true });
  const made = (forward: Block['forward'], std = 0.1, layer: number | null = 0): ProgramSubject =>
    subjectOf(
      defineModel({
        name: 'own',
        summary: 'a test',
        options: z.object({}),
        defaults: {},
        build: () => ({
          name: 'own',
          blocks: [
            { name: 'in', kind: 'embedding', layer: null, params: {}, forward: (_x, _p, c) => c.field('x') },
            { name: 'mix', kind: 'mlp', layer, params: { w: w(std) }, forward },
          ],
          loss: (y: tf.Tensor) => tf.sum(y, -1),
          score: null,
          metric: { name: 'loss', higherIsBetter: false },
        }),
      }) as ModelDefinition,
      { task: 'other', fields: [field('x', [6], 'float32')], classes: null, vocabulary: null, sequence: null },
    );
  type Forward = Block['forward'];
  const act =
    (activation: (x: tf.Tensor) => tf.Tensor): Forward =>
    (x, { w: m }) =>
      activation(tf.matMul(x as tf.Tensor, m as tf.Tensor));
  const gained: (epsilon: number) => Forward = (epsilon) =>
    act((x) => nn.layerNorm(x, tf.ones([6]) as tf.Tensor, tf.zeros([6]) as tf.Tensor, epsilon));

  it.each<[string, Forward, Forward]>([
    ['activation', act(tf.relu), act(tf.tanh)],
    ['epsilon', gained(1e-5), gained(1e-12)],
    ['scale', act((x) => tf.mul(x, 2)), act((x) => tf.mul(x, 3))],
    ['infinite bound', act((x) => tf.maximum(x, -Infinity)), act((x) => tf.maximum(x, Infinity))],
    ['axis', act((x) => tf.softmax(x, 1)), act((x) => tf.transpose(tf.softmax(tf.transpose(x))))],
    ['order', act((x) => x), (x, { w: m }) => tf.matMul(x as tf.Tensor, m as tf.Tensor, false, true)],
  ])('is another one with another %s', (_, was, is) => {
    expect(others(made(is), made(was))).toEqual(['mix']);
    expect(others(made(was), made(was))).toEqual([]);
  });

  it('is the same with other initial values, in another layer', () => {
    expect(others(made(act(tf.relu), 0.2, 3), made(act(tf.relu)))).toEqual([]);
  });
});
