// Models that cannot be compiled: the block that is to blame is named, and no tensor stays behind.
import { describe, expect, it } from 'vitest';
import type { Block, BlockContext, Model } from '../../engine/model/block.js';
import { compileStage } from '../../engine/model/compile.js';
import * as nn from '../../engine/tensor/nn.js';
import * as tf from '../../engine/tensor/tf.js';
import { B, data, model } from './tiny-stages.js';

import '#tfjs-cpu';

describe('a model that cannot be compiled', () => {
  const broken = (forward: Block['forward']): Model => ({
    ...model,
    name: 'broken',
    blocks: [{ ...(model.blocks[0] as Block), name: 'bad', forward }],
  });
  const compile = (m: Model): unknown =>
    compileStage({ model: m, data, from: 0, to: m.blocks.length, microBatch: B, needsInputGradient: false });
  const cause = new TypeError('boom');
  it.each([
    [
      'that throws',
      broken(() => {
        throw cause;
      }),
      { code: 'PT_MODEL_THREW', message: 'Model broken, block bad threw: boom', cause },
    ],
    [
      'with an op of another shape',
      broken((_, p) => tf.matMul(p['table'] as tf.Tensor, p['position'] as tf.Tensor)),
      { code: 'PT_MODEL_THREW' },
    ],
    [
      'that loses the batch',
      broken((_, p) => p['position'] as tf.Tensor),
      { code: 'PT_BLOCK_OUTPUT', message: 'Model broken, block bad returns the shape [4, 8], wanted [3, ...]' },
    ],
    ['that returns no tensor', broken(() => undefined as unknown as tf.Tensor), { code: 'PT_BLOCK_OUTPUT' }],
    ['that returns integers', broken((_, __, c) => c.field('tokens')), { code: 'PT_BLOCK_OUTPUT' }],
    [
      'that reads a missing field',
      broken((_, __, c) => c.field('image')),
      {
        code: 'PT_FIELD_UNKNOWN',
        message: 'Model broken, block bad reads the field "image", the data has "tokens", "targets", "unused"',
      },
    ],
    [
      'that repeats a dropout tag',
      broken((_, p, c) =>
        c.dropout(c.dropout(nn.embedding(c.field('tokens'), p['table'] as tf.Tensor), 0.1, 'a'), 0.1, 'a'),
      ),
      { code: 'PT_DROPOUT' },
    ],
    [
      'with an undefined op',
      broken((_, p, c) => tf.unique(nn.embedding(c.field('tokens'), p['table'] as tf.Tensor)).values),
      {
        code: 'PT_OP_UNDEFINED',
        message: 'Model broken, block bad uses the op Unique, which pipetrain does not define',
      },
    ],
    [
      'with a loss per token',
      { ...model, loss: (y: tf.Tensor, c: BlockContext) => nn.crossEntropy(y, c.field('targets')) },
      { code: 'PT_BLOCK_OUTPUT', message: 'Model tiny, loss returns the shape [3, 4], wanted [3]' },
    ],
  ])('names the culprit: %s', (_, bad, expected) => {
    const before = tf.engine().state.numTensors;
    let error: unknown;
    try {
      compile(bad);
    } catch (thrown) {
      error = thrown;
    }
    expect(error).toMatchObject(expected);
    expect(tf.engine().state.numTensors).toBe(before);
  });
});
