// Transformer blocks: the attention and the MLP sub-layer that the built-in models share, pre-norm as in GPT-2. A
// residual branch is one block. Shape suffixes: B samples of a micro-batch, T tokens, D width, F width inside the MLP.
import { ModelError } from '../core/errors.js';
import { machineBytes } from '../core/memory-limit.js';
import * as nn from '../tensor/nn.js';
import * as tf from '../tensor/tf.js';
import type { Block, BlockContext, ParamSpec } from './block.js';
import { bias, defineBlock, gain, matrix } from './define-block.js';

export interface TransformerOptions {
  readonly width: number;
  readonly layers: number;
  readonly heads: number;
  /** Width inside the MLP; default 4 * width. */
  readonly ff?: number | undefined;
  readonly dropout: number;
}

/** Far above any that one machine trains; more would be listed until the memory is full. */
export const MOST_LAYERS = 4096;
export const MOST_WIDTH = 65_536;

/** Scores that one sample has in one block at most: each is a number of 32 bits, several times in a backward pass. */
const mostScores = (): number => Math.min(2 ** 31, Math.floor(machineBytes() / 16));

/**
 * Throws ModelError PT_MODEL_DATA where one sample of T tokens has more scores (each token against each other one, in
 * every head) than can be held.
 */
export function checkScores(model: string, { heads }: TransformerOptions, T: number): void {
  const scores = T * T * heads;
  const most = mostScores();
  if (scores <= most) return;
  throw new ModelError(
    'PT_MODEL_DATA',
    `${model}: a sample of ${T} tokens has ${scores} scores in ${heads} ${heads === 1 ? 'head' : 'heads'}, ` +
      `${4 * scores} bytes; at most ${4 * most} are held`,
    `use shorter samples: --data-options sequence=${Math.floor(Math.sqrt(most / heads))} or less`,
  );
}

/** Where attention may look. */
export interface Reach {
  readonly causal?: boolean;
  /** The field [B, T] that is 1 where there is a token, 0 where there is padding. */
  readonly maskField?: string;
}

/** Every layer adds two branches to the stream; this scale keeps its variance from growing with depth (GPT-2). */
const branchMatrix = (inputs: number, outputs: number, layers: number): ParamSpec =>
  matrix([inputs, outputs], 1 / Math.sqrt(inputs * 2 * layers));

/** Throws ModelError PT_MODEL_OPTIONS where the heads do not divide the width. */
export function checkHeads(model: string, { width, heads }: TransformerOptions): void {
  if (width % heads !== 0) {
    throw new ModelError(
      'PT_MODEL_OPTIONS',
      `${model}: width ${width} is not a multiple of heads ${heads}`,
      `choose a width such as ${heads * Math.max(1, Math.round(width / heads))}, or heads that divide ${width}`,
    );
  }
}

/** x + dropout(attention(norm(x))). Three matrices instead of one fused save the copies of splitting and joining. */
export function attentionBlock(
  layer: number,
  { width: D, layers, heads, dropout }: TransformerOptions,
  { causal = false, maskField }: Reach = {},
): Block {
  return defineBlock({
    name: `layer${layer}.attention`,
    kind: 'attention',
    layer,
    params: {
      normGain: gain(D),
      normBias: bias(D),
      wq: matrix([D, D]),
      wk: matrix([D, D]),
      wv: matrix([D, D]),
      wo: branchMatrix(D, D, layers),
      bo: bias(D),
    },
    closing: ['wo', 'bo'],
    forward(x_BTD, p, context) {
      const h_BTD = nn.layerNorm(x_BTD, p.normGain, p.normBias);
      const [q_BTD, k_BTD, v_BTD] = [nn.linear(h_BTD, p.wq), nn.linear(h_BTD, p.wk), nn.linear(h_BTD, p.wv)];
      const mask = maskField === undefined ? {} : { mask: context.field(maskField) };
      const mixed_BTD = nn.linear(nn.attention(q_BTD, k_BTD, v_BTD, { heads, causal, ...mask }), p.wo, p.bo);
      return tf.add(x_BTD, context.dropout(mixed_BTD, dropout, 'out'));
    },
  });
}

/** x + dropout(mlp(norm(x))). */
export function mlpBlock(layer: number, { width: D, layers, ff: F = 4 * D, dropout }: TransformerOptions): Block {
  return defineBlock({
    name: `layer${layer}.mlp`,
    kind: 'mlp',
    layer,
    params: {
      normGain: gain(D),
      normBias: bias(D),
      w1: matrix([D, F]),
      b1: bias(F),
      w2: branchMatrix(F, D, layers),
      b2: bias(D),
    },
    closing: ['w2', 'b2'],
    forward(x_BTD, p, context) {
      const h_BTF = nn.gelu(nn.linear(nn.layerNorm(x_BTD, p.normGain, p.normBias), p.w1, p.b1));
      return tf.add(x_BTD, context.dropout(nn.linear(h_BTF, p.w2, p.b2), dropout, 'out'));
    },
  });
}

/** The attention and MLP blocks of all layers, in order. */
export const transformerLayers = (options: TransformerOptions, reach: Reach = {}): Block[] =>
  Array.from({ length: options.layers }, (_, layer) => [
    attentionBlock(layer, options, reach),
    mlpBlock(layer, options),
  ]).flat();

/** Loss [B] of class logits [B, C] against the field `label`. */
export const classLoss = (y_BC: tf.Tensor, context: BlockContext): tf.Tensor =>
  nn.crossEntropy(y_BC, context.field('label'), context.labelSmoothing);
