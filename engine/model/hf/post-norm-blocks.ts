// PostNormBlocks: the blocks of an encoder as BERT was published (Devlin et al. 2018): normalisation behind each
// residual branch, every parameter from a model folder, by the names that a family has for them. Unlike the published
// one, attention probabilities are not dropped out. Shape suffixes: B samples, T tokens, P positions, D width, F width
// inside the MLP, V vocabulary.
import * as nn from '../../tensor/nn.js';
import * as tf from '../../tensor/tf.js';
import type { Block, ParamSpec } from '../block.js';
import { defineBlock, defineInputBlock } from '../define-block.js';
import { ACTIVATION, type ActivationName } from './activations.js';
import { paramsIf } from './optional-params.js';
import type { PretrainedWeights } from './pretrained-weights.js';

/** Sizes of an encoder. */
export interface PostNormSizes {
  readonly vocabulary: number;
  readonly width: number;
  readonly layers: number;
  readonly heads: number;
  /** Width inside the MLP. */
  readonly ff: number;
  readonly activation: ActivationName;
  readonly epsilon: number;
  /** Rows of the table of positions, and the row of the first token. */
  readonly positions: number;
  readonly firstPosition: number;
  /** Rows of the table of token types; 0 for none. */
  readonly types: number;
}

/** Names of linear layers and normalisations, without `.weight` and `.bias`. */
export interface PostNormLayerNames {
  readonly query: string;
  readonly key: string;
  readonly value: string;
  readonly out: string;
  readonly attentionNorm: string;
  readonly up: string;
  readonly down: string;
  readonly mlpNorm: string;
}

export interface PostNormParts {
  readonly sizes: PostNormSizes;
  readonly names: (layer: number) => PostNormLayerNames;
  readonly weights: PretrainedWeights;
  /** Tokens per sample. */
  readonly sequence: number;
  /**
   * Whether the data say in the field `types` [B, T] which of two texts a token belongs to; else all belong to the
   * first.
   */
  readonly hasTypes: boolean;
  readonly dropout: number;
}

const norm = (weights: PretrainedWeights, name: string, D: number): { normGain: ParamSpec; normBias: ParamSpec } => ({
  normGain: weights.vector(`${name}.weight`, D),
  normBias: weights.vector(`${name}.bias`, D),
});

function embeddingBlock({ sizes, weights, sequence: T, hasTypes, dropout }: PostNormParts): Block {
  const { vocabulary: V, width: D, positions: P, firstPosition, types, epsilon } = sizes;
  return defineInputBlock({
    name: 'embed',
    kind: 'embedding',
    params: {
      tokens: weights.table('embeddings.word_embeddings.weight', [V, D]),
      // Only what a sample is long; the rest would take memory and never change.
      positions: weights.table('embeddings.position_embeddings.weight', [P, D], T, firstPosition),
      ...paramsIf(types > 0, () => ({
        types: weights.table('embeddings.token_type_embeddings.weight', [types, D]),
      })),
      ...norm(weights, 'embeddings.LayerNorm', D),
    },
    forward(p, context) {
      let sum_BTD = nn.embedding(context.field('tokens'), p.tokens);
      if (types > 0) {
        const types_xTD = hasTypes ? nn.embedding(context.field('types'), p.types) : tf.slice(p.types, [0, 0], [1, D]);
        sum_BTD = tf.add(sum_BTD, types_xTD);
      }
      sum_BTD = tf.add(sum_BTD, p.positions);
      return context.dropout(nn.layerNorm(sum_BTD, p.normGain, p.normBias, epsilon), dropout, 'embed');
    },
  });
}

/** norm(x + dropout(attention(x))). */
function attentionBlock({ sizes, names, weights, dropout }: PostNormParts, layer: number): Block {
  const { width: D, heads, epsilon } = sizes;
  const at = names(layer);
  return defineBlock({
    name: `layer${layer}.attention`,
    kind: 'attention',
    layer,
    params: {
      wq: weights.matrix(`${at.query}.weight`, [D, D]),
      bq: weights.vector(`${at.query}.bias`, D),
      wk: weights.matrix(`${at.key}.weight`, [D, D]),
      bk: weights.vector(`${at.key}.bias`, D),
      wv: weights.matrix(`${at.value}.weight`, [D, D]),
      bv: weights.vector(`${at.value}.bias`, D),
      wo: weights.matrix(`${at.out}.weight`, [D, D]),
      bo: weights.vector(`${at.out}.bias`, D),
      ...norm(weights, at.attentionNorm, D),
    },
    forward(x_BTD, p, context) {
      const [q_BTD, k_BTD, v_BTD] = [
        nn.linear(x_BTD, p.wq, p.bq),
        nn.linear(x_BTD, p.wk, p.bk),
        nn.linear(x_BTD, p.wv, p.bv),
      ];
      const mixed_BTD = nn.attention(q_BTD, k_BTD, v_BTD, { heads, mask: context.field('mask') });
      const branch_BTD = context.dropout(nn.linear(mixed_BTD, p.wo, p.bo), dropout, 'out');
      return nn.layerNorm(tf.add(x_BTD, branch_BTD), p.normGain, p.normBias, epsilon);
    },
  });
}

/** norm(x + dropout(mlp(x))). */
function mlpBlock({ sizes, names, weights, dropout }: PostNormParts, layer: number): Block {
  const { width: D, ff: F, epsilon, activation } = sizes;
  const at = names(layer);
  return defineBlock({
    name: `layer${layer}.mlp`,
    kind: 'mlp',
    layer,
    params: {
      w1: weights.matrix(`${at.up}.weight`, [D, F]),
      b1: weights.vector(`${at.up}.bias`, F),
      w2: weights.matrix(`${at.down}.weight`, [F, D]),
      b2: weights.vector(`${at.down}.bias`, D),
      ...norm(weights, at.mlpNorm, D),
    },
    forward(x_BTD, p, context) {
      const h_BTF = ACTIVATION[activation](nn.linear(x_BTD, p.w1, p.b1));
      const branch_BTD = context.dropout(nn.linear(h_BTF, p.w2, p.b2), dropout, 'out');
      return nn.layerNorm(tf.add(x_BTD, branch_BTD), p.normGain, p.normBias, epsilon);
    },
  });
}

/** The embedding and the first `layers` layers, in order. */
export const postNormBlocks = (parts: PostNormParts, layers: number): Block[] => [
  embeddingBlock(parts),
  ...Array.from({ length: layers }, (_, layer) => [attentionBlock(parts, layer), mlpBlock(parts, layer)]).flat(),
];
