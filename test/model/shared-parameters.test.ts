// Parameters that several blocks use, as a model declares them.
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import type { Block } from '../../engine/model/block.js';
import { buildModel } from '../../engine/model/build-model.js';
import { defineModel } from '../../engine/model/define.js';
import { bias, defineBlock, defineInputBlock, matrix, shared } from '../../engine/model/define-block.js';
import { sharedParameters, sharingBlocks } from '../../engine/model/shared-parameters.js';
import { entryView, initializeSlab, slabLayout } from '../../engine/model/slab.js';
import * as nn from '../../engine/tensor/nn.js';
import * as tf from '../../engine/tensor/tf.js';
import { errorOf } from '../error-of.js';

const embed = defineInputBlock({
  name: 'embed',
  kind: 'embedding',
  params: { tokens: matrix([6, 4], 0.5) },
  forward: (p, context) => nn.embedding(context.field('tokens'), p.tokens),
});
const head = defineBlock({
  name: 'head',
  kind: 'head',
  params: { first: matrix([4, 4]), b: bias(6), table: shared(embed, 'tokens') },
  forward: (x, p) => tf.add(nn.linear(x, tf.transpose(p.table)), p.b),
});

const built = (...blocks: Block[]) =>
  buildModel(
    defineModel({
      name: 'mine',
      summary: '',
      options: z.strictObject({}),
      defaults: {},
      build: () => ({
        name: 'mine',
        blocks,
        loss: (y) => tf.mean(y, [1, 2]),
        score: null,
        metric: { name: 'loss', higherIsBetter: false },
      }),
    }),
    {},
    { task: 'other', fields: [], classes: null, vocabulary: null, sequence: null },
  );

describe('a shared parameter', () => {
  it('is listed by all its uses, those of a use of a use too', () => {
    const again = { ...head, name: 'again', params: { w: shared(head, 'table') } };
    const { blocks } = built(embed, head, again);
    expect(sharedParameters(blocks)).toEqual([
      [
        { block: 0, name: 'tokens' },
        { block: 1, name: 'table' },
        { block: 2, name: 'w' },
      ],
    ]);
    expect(sharingBlocks(blocks)).toEqual([[0, 1, 2]]);
    expect(sharingBlocks([embed])).toEqual([]);
  });

  it('starts with the same numbers in every block, and counts in the one that declares it', () => {
    const [table, other] = [embed, head].map((block) => {
      const layout = slabLayout(block);
      const slab = new Float32Array(layout.length);
      initializeSlab(block, layout, 7, slab);
      const entry = layout.entries.find(({ shape }) => shape[0] === 6 && shape.length === 2);
      return { layout, numbers: entry === undefined ? [] : [...entryView(slab, entry)] };
    });
    expect(other?.numbers).toEqual(table?.numbers);
    expect(new Set(table?.numbers).size).toBe(24);
    expect([table?.layout.numParameters, other?.layout.numParameters]).toEqual([24, 22]);
  });

  it.each<[string, Block[], string]>([
    ['of a later block', [{ ...head, name: 'first' }, embed], 'that of block "embed", which is no block before it'],
    ['of another name', [{ ...embed, params: {} }, head], 'block "embed" has no parameter "tokens"'],
    [
      'of another shape',
      [{ ...embed, params: { tokens: matrix([6, 3]) } }, head],
      'its shape is [6, 4], that of "tokens" of block "embed" [6, 3]',
    ],
    ['with other decay', [{ ...embed, params: { tokens: { ...matrix([6, 4]), decay: false } } }, head], 'weight decay'],
  ])('%s is refused', (_, blocks, text) => {
    const { code, message } = errorOf(() => built(...blocks));
    expect([code, message]).toEqual(['PT_MODEL_BLOCKS', expect.stringContaining(text)]);
  });
});
