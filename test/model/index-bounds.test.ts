// A model that looks up by a field of the data has a place for each of its numbers, or is refused before it is run,
// since some devices read on behind the end of a table.
import { describe, expect, it } from 'vitest';
import type { DataInfo } from '../../engine/data/dataset.js';
import type { Model } from '../../engine/model/block.js';
import { traceBlock, traceObjective } from '../../engine/model/block-graph.js';
import { requireIndexBounds } from '../../engine/model/index-bounds.js';
import * as nn from '../../engine/tensor/nn.js';
import * as tf from '../../engine/tensor/tf.js';
import { errorOf } from '../error-of.js';

const data: DataInfo = {
  task: 'text-classification',
  fields: [
    { name: 'tokens', shape: [4], dtype: 'int32' },
    { name: 'label', shape: [], dtype: 'int32' },
  ],
  classes: 3,
  vocabulary: 20,
  sequence: 4,
};

/** A model of one table that gives its rows as logits. */
const modelOf = (rows: number, classes: number, look: (ids: tf.Tensor, table: tf.Tensor) => tf.Tensor): Model => ({
  name: 'm',
  blocks: [
    {
      name: 'embed',
      kind: 'embedding',
      layer: null,
      params: { table: { shape: [rows, classes], init: { kind: 'ones' }, decay: false } },
      forward: (_x, { table }, context) => tf.mean(look(context.field('tokens'), table as tf.Tensor), 1),
    },
  ],
  loss: (y, context) => nn.crossEntropy(y, context.field('label')),
  score: null,
  metric: { name: 'loss', higherIsBetter: false },
});

const check = (model: Model) => () => {
  const options = { model, data, microBatch: 2, isTraining: true };
  const block = traceBlock(options, 0, null);
  requireIndexBounds('block', block, data);
  requireIndexBounds('loss', traceObjective(options, 'loss', block.outputShape), data);
};

describe('a table', () => {
  it.each<[string, Parameters<typeof modelOf>[2]]>([
    ['nn.embedding', nn.embedding],
    ['tf.gather', (ids, table) => tf.gather(table, ids)],
    ['tf.gather of reshaped ids', (ids, table) => tf.reshape(tf.gather(table, tf.reshape(ids, [8])), [2, 4, -1])],
  ])('has a row for each token: %s', (_, look) => {
    expect(check(modelOf(20, 3, look))).not.toThrow();
    expect(check(modelOf(64, 8, look))).not.toThrow();
    expect(errorOf(check(modelOf(19, 3, look)))).toMatchObject({
      code: 'PT_MODEL_DATA',
      message: 'block has 19 places for the field "tokens", whose numbers go from 0 to 19',
    });
  });

  it('may be smaller where the tokens are brought into it first', () => {
    expect(
      check(modelOf(5, 3, (ids, table) => nn.embedding(tf.minimum(ids, tf.scalar(4, 'int32')), table))),
    ).not.toThrow();
  });

  it('of logits has a column for each class', () => {
    const error = errorOf(check(modelOf(20, 2, nn.embedding)));
    expect([error.message, error.hint]).toEqual([
      'loss has 2 places for the field "label", whose numbers go from 0 to 2',
      expect.stringContaining('data.classes'),
    ]);
  });
});
