// Family `bert`: encoders as published by Devlin et al. 2018, with token types and absolute positions.
import { activation } from './activations.js';
import { count, only, positive, rate, tokenId } from './config-settings.js';
import type { Family } from './family.js';
import { requireHeads } from './head-sizes.js';
import { postNormBlocks, type PostNormLayerNames } from './post-norm-blocks.js';
import { textClassifier } from './text-classifier.js';

const settings = {
  vocab_size: count,
  hidden_size: count,
  num_hidden_layers: count,
  num_attention_heads: count,
  intermediate_size: count,
  hidden_act: activation.default('gelu'),
  hidden_dropout_prob: rate.default(0.1),
  classifier_dropout: rate.nullish(),
  max_position_embeddings: count,
  type_vocab_size: count.default(2),
  layer_norm_eps: positive.default(1e-12),
  position_embedding_type: only('absolute').default('absolute'),
  is_decoder: only(false).default(false),
  pad_token_id: tokenId,
  cls_token_id: tokenId,
  sep_token_id: tokenId,
};

/** Weights converted from the first release spell gains and biases of normalisations so. */
const SPELLINGS = [
  ['LayerNorm.weight', 'LayerNorm.gamma'],
  ['LayerNorm.bias', 'LayerNorm.beta'],
] as const;

/** Names of BERT's layers, which RoBERTa has as well. */
export function bertLayerNames(layer: number): PostNormLayerNames {
  const at = `encoder.layer.${layer}`;
  return {
    query: `${at}.attention.self.query`,
    key: `${at}.attention.self.key`,
    value: `${at}.attention.self.value`,
    out: `${at}.attention.output.dense`,
    attentionNorm: `${at}.attention.output.LayerNorm`,
    up: `${at}.intermediate.dense`,
    down: `${at}.output.dense`,
    mlpNorm: `${at}.output.LayerNorm`,
  };
}

export const bert: Family = {
  type: 'bert',
  define(folder) {
    // Tied to the table is the output matrix of the pretraining, which a classifier does not have.
    const { config, doubts } = folder.settings('bert', settings, ['tie_word_embeddings', 'pooler_fc_size']);
    requireHeads(folder, 'hidden_size', config.hidden_size, 'num_attention_heads', config.num_attention_heads);
    const sizes = {
      vocabulary: config.vocab_size,
      width: config.hidden_size,
      layers: config.num_hidden_layers,
      heads: config.num_attention_heads,
      ff: config.intermediate_size,
      activation: config.hidden_act,
      epsilon: config.layer_norm_eps,
      positions: config.max_position_embeddings,
      firstPosition: 0,
      types: config.type_vocab_size,
    };
    return textClassifier({
      folder,
      doubts,
      sizes,
      dropout: config.hidden_dropout_prob,
      headDropout: config.classifier_dropout ?? config.hidden_dropout_prob,
      special: [
        ['pad_token_id', config.pad_token_id, 'pad'],
        ['cls_token_id', config.cls_token_id, 'first'],
        ['sep_token_id', config.sep_token_id, 'last'],
      ],
      weightNames: { prefixes: ['', 'bert.'], written: 'bert.', heads: ['classifier'], spellings: SPELLINGS },
      pooler: 'pooler.dense',
      head: { dense: 'pooler.dense', activation: 'tanh', dropsInput: false, out: 'classifier' },
      masked: {
        dense: 'cls.predictions.transform.dense',
        norm: 'cls.predictions.transform.LayerNorm',
        output: 'cls.predictions.decoder',
        bias: 'cls.predictions.bias',
      },
      stored: config,
      foreign: { architecture: 'BertForSequenceClassification', layers: 'num_hidden_layers' },
      blocks: (parts, layers) => postNormBlocks({ ...parts, names: bertLayerNames }, layers),
    });
  },
};
