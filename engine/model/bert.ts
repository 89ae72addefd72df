// Built-in model `bert`: a transformer encoder for texts, trained from scratch. Pre-norm, unlike Devlin et
// al. 2018, which makes small models train without care; the mean of the real tokens is what is classified, unless
// each token is. Shape suffixes: B samples, T tokens, D width, C classes or other outputs.
import { z } from 'zod';
import * as nn from '../tensor/nn.js';
import * as tf from '../tensor/tf.js';
import { requireCount, requireField } from './data-fit.js';
import { defineModel } from './define.js';
import { bias, defineBlock, defineInputBlock, gain, matrix, positions } from './define-block.js';
import { meanToken } from './pooled.js';
import { textTask } from './text-task.js';
import { checkHeads, checkScores, MOST_LAYERS, MOST_WIDTH, transformerLayers } from './transformer-blocks.js';

const options = z.strictObject({
  width: z.number().int().positive().max(MOST_WIDTH).default(64).describe('width of the residual stream'),
  layers: z.number().int().positive().max(MOST_LAYERS).default(4).describe('transformer layers'),
  heads: z.number().int().positive().default(4).describe('attention heads'),
  ff: z.number().int().positive().optional().describe('width inside the MLP (default: 4 * width)'),
  dropout: z.number().min(0).lt(1).default(0.3).describe('dropout rate of the embedding and the residual branches'),
});

const TOKEN_STD = 0.1;
const POSITION_STD = 0.02;
/** Small, so that training starts from nearly equal chances. */
const HEAD_STD = 0.02;

const WANTS = 'use labelled texts, e.g. --data sst2:DIR, tsv:FILE or synthetic:sentiment';

export const bert = defineModel({
  name: 'bert',
  summary: 'transformer encoder that classifies texts or tokens, and finds answers',
  options,
  defaults: {
    epochs: 4,
    batch: 64,
    microBatch: 16,
    lr: '1e-3 * (0.02 + 0.98 * 0.5 * (1 + cos(pi * progress)))',
    warmup: 0.1,
    weightDecay: 0.1,
    clip: 1,
    optimizer: 'adamw',
  },
  build(given, data) {
    const { width: D } = given;
    const [T = 0] = requireField('bert', data, 'tokens', 1, WANTS);
    requireField('bert', data, 'mask', 1, WANTS);
    const task = textTask('bert', data, WANTS);
    const C = task.outputs;
    const V = requireCount('bert', data, 'vocabulary', WANTS);
    checkHeads('bert', given);
    checkScores('bert', given, T);
    const embed = defineInputBlock({
      name: 'embed',
      kind: 'embedding',
      params: { tokens: matrix([V, D], TOKEN_STD), positions: positions([T, D], POSITION_STD) },
      forward: (p, context) =>
        context.dropout(tf.add(nn.embedding(context.field('tokens'), p.tokens), p.positions), given.dropout, 'embed'),
    });
    const head = defineBlock({
      name: 'head',
      kind: 'head',
      params: { normGain: gain(D), normBias: bias(D), w: matrix([D, C], HEAD_STD), b: bias(C) },
      forward(x_BTD, p, context) {
        const normed_BTD = nn.layerNorm(x_BTD, p.normGain, p.normBias);
        // The class token is always real, so the mean is never one of nothing.
        const seen = task.level === 'token' ? normed_BTD : meanToken(normed_BTD, context.field('mask'));
        return nn.linear(context.dropout(seen, given.dropout, 'pooled'), p.w, p.b);
      },
    });
    return {
      name: 'bert',
      blocks: [embed, ...transformerLayers(given, { maskField: 'mask' }), head],
      ...task.objective,
    };
  },
});
