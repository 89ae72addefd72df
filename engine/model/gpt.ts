// Built-in model `gpt`: a causal language model in the manner of GPT-2 (Radford et al. 2019), with an output matrix of
// its own, so that the first and the last block share no parameter. Shape suffixes: B samples, T tokens, D width, V
// vocabulary.
import { z } from 'zod';
import * as nn from '../tensor/nn.js';
import * as tf from '../tensor/tf.js';
import { requireCount, requireField } from './data-fit.js';
import { decoderTask } from './decoder-task.js';
import { defineModel } from './define.js';
import { bias, defineBlock, defineInputBlock, gain, matrix, positions } from './define-block.js';
import { NEXT_TOKEN } from './outcome.js';
import { lastToken } from './pooled.js';
import { checkHeads, checkScores, MOST_LAYERS, MOST_WIDTH, transformerLayers } from './transformer-blocks.js';

const options = z.strictObject({
  width: z.number().int().positive().max(MOST_WIDTH).default(128).describe('width of the residual stream'),
  layers: z.number().int().positive().max(MOST_LAYERS).default(4).describe('transformer layers'),
  heads: z.number().int().positive().default(4).describe('attention heads'),
  ff: z.number().int().positive().optional().describe('width inside the MLP (default: 4 * width)'),
  dropout: z.number().min(0).lt(1).default(0).describe('dropout rate of the embedding and the residual branches'),
});

const TOKEN_STD = 0.3;
/** As large as the tokens, so that attention finds its neighbours early. */
const POSITION_STD = 0.3;
/** Small, so that training starts from nearly equal chances. */
const HEAD_STD = 0.02;

const WANTS = 'use running text, e.g. --data text:FILE or synthetic:text';

export const gpt = defineModel({
  name: 'gpt',
  summary: 'causal transformer that predicts the next token, or classifies texts by their last one',
  options,
  defaults: {
    epochs: 2,
    batch: 16,
    microBatch: 4,
    lr: '3e-3 * (0.05 + 0.95 * 0.5 * (1 + cos(pi * progress)))',
    warmup: 0.05,
    weightDecay: 0.1,
    clip: 1,
    optimizer: 'adamw',
  },
  build(given, data) {
    const { width: D } = given;
    const [T = 0] = requireField('gpt', data, 'tokens', 1, WANTS);
    const task = data.task === 'language-model' || data.task === 'other' ? null : decoderTask('gpt', data);
    if (task === null) requireField('gpt', data, 'targets', 1, WANTS);
    const V = requireCount('gpt', data, 'vocabulary', WANTS);
    const outputs = task?.outputs ?? V;
    checkHeads('gpt', given);
    checkScores('gpt', given, T);
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
      params: { normGain: gain(D), normBias: bias(D), w: matrix([D, outputs], HEAD_STD), b: bias(outputs) },
      forward(x_BTD, p, context) {
        const normed_BTD = nn.layerNorm(x_BTD, p.normGain, p.normBias);
        return nn.linear(task === null ? normed_BTD : lastToken(normed_BTD, context.field('mask')), p.w, p.b);
      },
    });
    return {
      name: 'gpt',
      blocks: [embed, ...transformerLayers(given, { causal: true }), head],
      ...(task?.objective ?? NEXT_TOKEN),
    };
  },
});
