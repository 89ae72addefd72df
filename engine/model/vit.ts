// Built-in model `vit`: a vision transformer (Dosovitskiy et al. 2020), pre-norm, with the mean of the patches in place
// of a class token. Shape suffixes: B samples, H W height and width in pixels, h w in patches, P pixels of a patch
// side, N = h * w patches, D width, C classes.
import { z } from 'zod';
import { ModelError } from '../core/errors.js';
import * as nn from '../tensor/nn.js';
import * as tf from '../tensor/tf.js';
import { requireCount, requireField } from './data-fit.js';
import { defineModel } from './define.js';
import { bias, defineBlock, defineInputBlock, gain, matrix, positions } from './define-block.js';
import { CLASS_OUTCOME } from './outcome.js';
import { checkHeads, classLoss, MOST_LAYERS, MOST_WIDTH, transformerLayers } from './transformer-blocks.js';

const options = z.strictObject({
  patch: z
    .number()
    .int()
    .positive()
    .optional()
    .describe('side of a patch in pixels (default: the largest that leaves at least 16 patches)'),
  width: z.number().int().positive().max(MOST_WIDTH).default(64).describe('width of the residual stream'),
  layers: z.number().int().positive().max(MOST_LAYERS).default(6).describe('transformer layers'),
  heads: z.number().int().positive().default(4).describe('attention heads'),
  ff: z.number().int().positive().optional().describe('width inside the MLP (default: 4 * width)'),
  dropout: z.number().min(0).lt(1).default(0).describe('dropout rate of the residual branches'),
});

const FEWEST_PATCHES = 16;
/** Near the size of an embedded patch, so that the place counts from the first step. */
const POSITION_STD = 0.3;
/** Small, so that training starts from nearly equal chances. */
const HEAD_STD = 0.02;

/** The largest side that divides the image into at least FEWEST_PATCHES patches. */
function automaticPatch(H: number, W: number): number {
  for (let side = Math.min(H, W); side > 1; side--)
    if (H % side === 0 && W % side === 0 && (H / side) * (W / side) >= FEWEST_PATCHES) return side;
  return 1;
}

const WANTS = 'use image data, e.g. --data mnist:DIR or synthetic:digits';

export const vit = defineModel({
  name: 'vit',
  summary: 'vision transformer that classifies images',
  options,
  defaults: {
    epochs: 5,
    batch: 64,
    microBatch: 16,
    lr: '3e-3 * (0.02 + 0.98 * 0.5 * (1 + cos(pi * progress)))',
    warmup: 0.05,
    weightDecay: 0.05,
    clip: 1,
    optimizer: 'adamw',
  },
  build(given, data) {
    const [H = 0, W = 0] = requireField('vit', data, 'image', 2, WANTS);
    const { patch: P = automaticPatch(H, W), width: D } = given;
    const C = requireCount('vit', data, 'classes', WANTS);
    checkHeads('vit', given);
    if (H % P !== 0 || W % P !== 0) {
      throw new ModelError(
        'PT_MODEL_OPTIONS',
        `vit: patch ${P} does not divide the image of ${H} x ${W} pixels`,
        'choose a patch that divides both sides',
      );
    }
    const [h, w] = [H / P, W / P];
    const N = h * w;
    const embed = defineInputBlock({
      name: 'embed',
      kind: 'embedding',
      params: { w: matrix([P * P, D]), b: bias(D), positions: positions([N, D], POSITION_STD) },
      forward(p, context) {
        const image_BHW = context.field('image');
        const [B] = image_BHW.shape as [number, number, number];
        const patches_BhPwP = tf.reshape(image_BHW, [B, h, P, w, P]);
        const patches_BNP2 = tf.reshape(tf.transpose(patches_BhPwP, [0, 1, 3, 2, 4]), [B, N, P * P]);
        return context.dropout(tf.add(nn.linear(patches_BNP2, p.w, p.b), p.positions), given.dropout, 'embed');
      },
    });
    const head = defineBlock({
      name: 'head',
      kind: 'head',
      params: { normGain: gain(D), normBias: bias(D), w: matrix([D, C], HEAD_STD), b: bias(C) },
      forward: (x_BND, p) => nn.linear(tf.mean(nn.layerNorm(x_BND, p.normGain, p.normBias), 1), p.w, p.b),
    });
    return {
      name: 'vit',
      blocks: [embed, ...transformerLayers(given), head],
      loss: classLoss,
      score: null,
      outcome: CLASS_OUTCOME,
      metric: { name: 'accuracy', higherIsBetter: true },
    };
  },
});
