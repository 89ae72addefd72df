// EncoderBlocks: the blocks of a BERT encoder as it was published (Devlin et al. 2018): post-norm, with token types,
// every parameter from a model folder. Unlike the published one, attention probabilities are not dropped out. Shape
// suffixes: B samples, T tokens, P positions, D width, F width inside the MLP, V vocabulary.
import * as nn from '../../tensor/nn.js';
import * as tf from '../../tensor/tf.js';
import type { Block, ParamSpec } from '../block.js';
import { defineBlock, defineInputBlock } from '../define-block.js';
import type { ACTIVATIONS, EncoderConfig } from './encoder-config.js';
import type { PretrainedWeights } from './pretrained-weights.js';

export interface EncoderParts {
  readonly config: EncoderConfig;
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

/** The tanh form of gelu, as in the first release. */
function geluTanh(x: tf.Tensor): tf.Tensor {
  const cubic = tf.add(x, tf.mul(tf.mul(tf.mul(x, x), x), 0.044715));
  return tf.mul(tf.mul(x, 0.5), tf.add(tf.tanh(tf.mul(cubic, Math.sqrt(2 / Math.PI))), 1));
}

const ACTIVATION: Readonly<Record<(typeof ACTIVATIONS)[number], (x: tf.Tensor) => tf.Tensor>> = {
  gelu: nn.gelu,
  gelu_new: geluTanh,
  gelu_pytorch_tanh: geluTanh,
  relu: tf.relu,
};

const norm = (weights: PretrainedWeights, name: string, D: number): { normGain: ParamSpec; normBias: ParamSpec } => ({
  normGain: weights.vector(`${name}.LayerNorm.weight`, D),
  normBias: weights.vector(`${name}.LayerNorm.bias`, D),
});

function embeddingBlock({ config, weights, sequence: T, hasTypes, dropout }: EncoderParts): Block {
  const {
    vocab_size: V,
    hidden_size: D,
    max_position_embeddings: P,
    type_vocab_size: types,
    layer_norm_eps: epsilon,
  } = config;
  return defineInputBlock({
    name: 'embed',
    kind: 'embedding',
    params: {
      tokens: weights.table('embeddings.word_embeddings.weight', [V, D]),
      // Only what a sample is long; the rest would take memory and never change.
      positions: weights.table('embeddings.position_embeddings.weight', [P, D], T),
      types: weights.table('embeddings.token_type_embeddings.weight', [types, D]),
      ...norm(weights, 'embeddings', D),
    },
    forward(p, context) {
      const tokens_BTD = nn.embedding(context.field('tokens'), p.tokens);
      const types_xTD = hasTypes ? nn.embedding(context.field('types'), p.types) : tf.slice(p.types, [0, 0], [1, D]);
      const sum_BTD = tf.add(tf.add(tokens_BTD, types_xTD), p.positions);
      return context.dropout(nn.layerNorm(sum_BTD, p.normGain, p.normBias, epsilon), dropout, 'embed');
    },
  });
}

/** norm(x + dropout(attention(x))). */
function attentionBlock({ config, weights, dropout }: EncoderParts, layer: number): Block {
  const { hidden_size: D, num_attention_heads: heads, layer_norm_eps: epsilon } = config;
  const at = `encoder.layer.${layer}.attention`;
  return defineBlock({
    name: `layer${layer}.attention`,
    kind: 'attention',
    layer,
    params: {
      wq: weights.matrix(`${at}.self.query.weight`, [D, D]),
      bq: weights.vector(`${at}.self.query.bias`, D),
      wk: weights.matrix(`${at}.self.key.weight`, [D, D]),
      bk: weights.vector(`${at}.self.key.bias`, D),
      wv: weights.matrix(`${at}.self.value.weight`, [D, D]),
      bv: weights.vector(`${at}.self.value.bias`, D),
      wo: weights.matrix(`${at}.output.dense.weight`, [D, D]),
      bo: weights.vector(`${at}.output.dense.bias`, D),
      ...norm(weights, `${at}.output`, D),
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
function mlpBlock({ config, weights, dropout }: EncoderParts, layer: number): Block {
  const { hidden_size: D, intermediate_size: F, layer_norm_eps: epsilon, hidden_act } = config;
  const at = `encoder.layer.${layer}`;
  return defineBlock({
    name: `layer${layer}.mlp`,
    kind: 'mlp',
    layer,
    params: {
      w1: weights.matrix(`${at}.intermediate.dense.weight`, [D, F]),
      b1: weights.vector(`${at}.intermediate.dense.bias`, F),
      w2: weights.matrix(`${at}.output.dense.weight`, [F, D]),
      b2: weights.vector(`${at}.output.dense.bias`, D),
      ...norm(weights, `${at}.output`, D),
    },
    forward(x_BTD, p, context) {
      const h_BTF = ACTIVATION[hidden_act](nn.linear(x_BTD, p.w1, p.b1));
      const branch_BTD = context.dropout(nn.linear(h_BTF, p.w2, p.b2), dropout, 'out');
      return nn.layerNorm(tf.add(x_BTD, branch_BTD), p.normGain, p.normBias, epsilon);
    },
  });
}

/** The embedding and the first `layers` layers, in order. */
export const encoderBlocks = (parts: EncoderParts, layers: number): Block[] => [
  embeddingBlock(parts),
  ...Array.from({ length: layers }, (_, layer) => [attentionBlock(parts, layer), mlpBlock(parts, layer)]).flat(),
];
