// Family `gpt2`: causal decoders as published by Radford et al. 2019. Attention probabilities are not dropped out.
// Shape suffixes: B samples, T tokens, D width, F width inside the MLP.
import * as nn from '../../tensor/nn.js';
import * as tf from '../../tensor/tf.js';
import type { Block, ParamSpec } from '../block.js';
import { defineBlock, defineInputBlock } from '../define-block.js';
import { ACTIVATION, activation, type ActivationName } from './activations.js';
import { count, flag, only, positive, rate } from './config-settings.js';
import type { Family } from './family.js';
import { requireHeads } from './head-sizes.js';
import { type DecoderParts, languageModel } from './language-model.js';
import type { PretrainedWeights } from './pretrained-weights.js';

const settings = {
  vocab_size: count,
  n_positions: count,
  n_embd: count,
  n_layer: count,
  n_head: count,
  n_inner: count.nullish(),
  activation_function: activation.default('gelu_new'),
  resid_pdrop: rate.default(0.1),
  embd_pdrop: rate.default(0.1),
  layer_norm_epsilon: positive.default(1e-5),
  scale_attn_weights: only(true).default(true),
  scale_attn_by_inverse_layer_idx: only(false).default(false),
  tie_word_embeddings: flag.default(true),
};
/** A length that n_positions says again, how a token is picked for other tasks, and attention in half precision. */
const NEUTRAL = [
  '_num_labels',
  'n_ctx',
  'reorder_and_upcast_attn',
  'summary_activation',
  'summary_first_dropout',
  'summary_proj_to_labels',
  'summary_type',
  'summary_use_proj',
];

interface Sizes {
  readonly vocabulary: number;
  readonly positions: number;
  readonly width: number;
  readonly heads: number;
  readonly ff: number;
  readonly activation: ActivationName;
  readonly epsilon: number;
}

const norm = (weights: PretrainedWeights, name: string, D: number): { normGain: ParamSpec; normBias: ParamSpec } => ({
  normGain: weights.vector(`${name}.weight`, D),
  normBias: weights.vector(`${name}.bias`, D),
});

function embeddingBlock(sizes: Sizes, { weights, sequence: T, dropout }: DecoderParts): Block {
  const { vocabulary: V, positions: P, width: D } = sizes;
  return defineInputBlock({
    name: 'embed',
    kind: 'embedding',
    // Only the positions that a sample has; the rest would take memory and never change.
    params: { tokens: weights.table('wte.weight', [V, D]), positions: weights.table('wpe.weight', [P, D], T) },
    forward: (p, context) =>
      context.dropout(tf.add(nn.embedding(context.field('tokens'), p.tokens), p.positions), dropout, 'embed'),
  });
}

/** x + dropout(attention(norm(x))); queries, keys and values come from one matrix, as they lie in the file. */
function attentionBlock({ width: D, heads, epsilon }: Sizes, parts: DecoderParts, layer: number): Block {
  const { weights, dropout } = parts;
  const at = `h.${layer}.attn`;
  return defineBlock({
    name: `layer${layer}.attention`,
    kind: 'attention',
    layer,
    params: {
      ...norm(weights, `h.${layer}.ln_1`, D),
      wqkv: weights.plainMatrix(`${at}.c_attn.weight`, [D, 3 * D]),
      bqkv: weights.vector(`${at}.c_attn.bias`, 3 * D),
      wo: weights.plainMatrix(`${at}.c_proj.weight`, [D, D]),
      bo: weights.vector(`${at}.c_proj.bias`, D),
    },
    forward(x_BTD, p, context) {
      const all_BT3D = nn.linear(nn.layerNorm(x_BTD, p.normGain, p.normBias, epsilon), p.wqkv, p.bqkv);
      const [q_BTD, k_BTD, v_BTD] = tf.split(all_BT3D, 3, -1) as [tf.Tensor, tf.Tensor, tf.Tensor];
      const mixed_BTD = nn.attention(q_BTD, k_BTD, v_BTD, { heads, causal: true });
      return tf.add(x_BTD, context.dropout(nn.linear(mixed_BTD, p.wo, p.bo), dropout, 'out'));
    },
  });
}

/** x + dropout(mlp(norm(x))). */
function mlpBlock(sizes: Sizes, { weights, dropout }: DecoderParts, layer: number): Block {
  const { width: D, ff: F, epsilon } = sizes;
  const at = `h.${layer}.mlp`;
  return defineBlock({
    name: `layer${layer}.mlp`,
    kind: 'mlp',
    layer,
    params: {
      ...norm(weights, `h.${layer}.ln_2`, D),
      w1: weights.plainMatrix(`${at}.c_fc.weight`, [D, F]),
      b1: weights.vector(`${at}.c_fc.bias`, F),
      w2: weights.plainMatrix(`${at}.c_proj.weight`, [F, D]),
      b2: weights.vector(`${at}.c_proj.bias`, D),
    },
    forward(x_BTD, p, context) {
      const h_BTF = nn.linear(nn.layerNorm(x_BTD, p.normGain, p.normBias, epsilon), p.w1, p.b1);
      const branch_BTD = nn.linear(ACTIVATION[sizes.activation](h_BTF), p.w2, p.b2);
      return tf.add(x_BTD, context.dropout(branch_BTD, dropout, 'out'));
    },
  });
}

const headBlock = ({ width: D, epsilon }: Sizes, { weights, output }: DecoderParts, embed: Block): Block =>
  defineBlock({
    name: 'head',
    kind: 'head',
    params: { ...norm(weights, 'ln_f', D), w: output.matrix(embed) },
    forward: (x_BTD, p) => output.scores(nn.layerNorm(x_BTD, p.normGain, p.normBias, epsilon), p.w),
  });

export const gpt2: Family = {
  type: 'gpt2',
  define(folder) {
    const { config, doubts } = folder.settings('gpt2', settings, NEUTRAL);
    requireHeads(folder, 'n_embd', config.n_embd, 'n_head', config.n_head);
    const { resid_pdrop, embd_pdrop } = config;
    if (resid_pdrop !== embd_pdrop)
      throw folder.unsupported(`resid_pdrop ${resid_pdrop} and embd_pdrop ${embd_pdrop}; one rate is supported`);
    const sizes: Sizes = {
      vocabulary: config.vocab_size,
      positions: config.n_positions,
      width: config.n_embd,
      heads: config.n_head,
      ff: config.n_inner ?? 4 * config.n_embd,
      activation: config.activation_function,
      epsilon: config.layer_norm_epsilon,
    };
    return languageModel({
      folder,
      doubts,
      vocabulary: sizes.vocabulary,
      width: sizes.width,
      layers: config.n_layer,
      heads: sizes.heads,
      most: { tokens: sizes.positions, key: 'n_positions' },
      dropout: resid_pdrop,
      weightNames: { prefixes: ['', 'transformer.'], written: 'transformer.', heads: ['lm_head'] },
      stored: config,
      table: 'wte.weight',
      isTied: config.tie_word_embeddings,
      foreign: {
        architecture: 'GPT2LMHeadModel',
        settings: (layers, sequence) => ({ n_layer: layers, n_positions: sequence, n_ctx: undefined }),
      },
      blocks: (parts) => {
        const embed = embeddingBlock(sizes, parts);
        const layers = Array.from({ length: parts.layers }, (_, layer) => [
          attentionBlock(sizes, parts, layer),
          mlpBlock(sizes, parts, layer),
        ]);
        return [embed, ...layers.flat(), headBlock(sizes, parts, embed)];
      },
    });
  },
};
