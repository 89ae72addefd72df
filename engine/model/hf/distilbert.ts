// Family `distilbert`: BERT's encoder with half of its layers (Sanh et al. 2019), without token types and pooler.
import { activation } from './activations.js';
import { count, flag, rate, tokenId } from './config-settings.js';
import type { Family } from './family.js';
import { requireHeads } from './head-sizes.js';
import { postNormBlocks, type PostNormLayerNames } from './post-norm-blocks.js';
import { textClassifier } from './text-classifier.js';

const settings = {
  vocab_size: count,
  dim: count,
  n_layers: count,
  n_heads: count,
  hidden_dim: count,
  activation: activation.default('gelu'),
  dropout: rate.default(0.1),
  seq_classif_dropout: rate.default(0.2),
  max_position_embeddings: count,
  /** How the table of positions began; it is in the file either way. */
  sinusoidal_pos_embds: flag.nullish(),
  pad_token_id: tokenId,
};

/** Fixed in the family. */
const EPSILON = 1e-12;

function layerNames(layer: number): PostNormLayerNames {
  const at = `transformer.layer.${layer}`;
  return {
    query: `${at}.attention.q_lin`,
    key: `${at}.attention.k_lin`,
    value: `${at}.attention.v_lin`,
    out: `${at}.attention.out_lin`,
    attentionNorm: `${at}.sa_layer_norm`,
    up: `${at}.ffn.lin1`,
    down: `${at}.ffn.lin2`,
    mlpNorm: `${at}.output_layer_norm`,
  };
}

export const distilbert: Family = {
  type: 'distilbert',
  define(folder) {
    const neutral = ['tie_word_embeddings', 'tie_weights_', 'qa_dropout'];
    const { config, doubts } = folder.settings('distilbert', settings, neutral);
    requireHeads(folder, 'dim', config.dim, 'n_heads', config.n_heads);
    const sizes = {
      vocabulary: config.vocab_size,
      width: config.dim,
      layers: config.n_layers,
      heads: config.n_heads,
      ff: config.hidden_dim,
      activation: config.activation,
      epsilon: EPSILON,
      positions: config.max_position_embeddings,
      firstPosition: 0,
      types: 0,
    };
    return textClassifier({
      folder,
      doubts,
      sizes,
      dropout: config.dropout,
      headDropout: config.seq_classif_dropout,
      special: [['pad_token_id', config.pad_token_id, 'pad']],
      weightNames: { prefixes: ['', 'distilbert.'], written: 'distilbert.', heads: ['pre_classifier', 'classifier'] },
      pooler: null,
      head: { dense: 'pre_classifier', activation: 'relu', dropsInput: false, out: 'classifier' },
      masked: {
        dense: 'vocab_transform',
        norm: 'vocab_layer_norm',
        output: 'vocab_projector',
        bias: 'vocab_projector.bias',
      },
      stored: config,
      foreign: { architecture: 'DistilBertForSequenceClassification', layers: 'n_layers' },
      blocks: (parts, layers) => postNormBlocks({ ...parts, names: layerNames }, layers),
    });
  },
};
