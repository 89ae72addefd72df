// Family `roberta`: BERT's encoder (Liu et al. 2019) with one token type, and positions that are counted from behind
// the id of the padding.
import { activation } from './activations.js';
import { bertLayerNames } from './bert.js';
import { count, only, positive, rate, tokenId } from './config-settings.js';
import type { Family } from './family.js';
import { requireHeads } from './head-sizes.js';
import { postNormBlocks } from './post-norm-blocks.js';
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
  bos_token_id: tokenId,
  eos_token_id: tokenId,
};

export const roberta: Family = {
  type: 'roberta',
  define(folder) {
    const { config, doubts } = folder.settings('roberta', settings, ['tie_word_embeddings']);
    requireHeads(folder, 'hidden_size', config.hidden_size, 'num_attention_heads', config.num_attention_heads);
    const padding = config.pad_token_id ?? 1;
    const positions = config.max_position_embeddings;
    if (positions <= padding + 1)
      throw folder.unsupported(
        `max_position_embeddings ${positions} leaves no position behind pad_token_id ${padding}, from which they count`,
      );
    const sizes = {
      vocabulary: config.vocab_size,
      width: config.hidden_size,
      layers: config.num_hidden_layers,
      heads: config.num_attention_heads,
      ff: config.intermediate_size,
      activation: config.hidden_act,
      epsilon: config.layer_norm_eps,
      positions,
      firstPosition: padding + 1,
      types: config.type_vocab_size,
    };
    return textClassifier({
      folder,
      doubts,
      sizes,
      dropout: config.hidden_dropout_prob,
      headDropout: config.classifier_dropout ?? config.hidden_dropout_prob,
      special: [
        ['pad_token_id', padding, 'pad'],
        ['bos_token_id', config.bos_token_id, 'first'],
        ['eos_token_id', config.eos_token_id, 'last'],
      ],
      weightNames: { prefixes: ['', 'roberta.'], written: 'roberta.', heads: ['classifier'] },
      pooler: 'pooler.dense',
      head: { dense: 'classifier.dense', activation: 'tanh', dropsInput: true, out: 'classifier.out_proj' },
      masked: { dense: 'lm_head.dense', norm: 'lm_head.layer_norm', output: 'lm_head.decoder', bias: 'lm_head.bias' },
      stored: config,
      foreign: { architecture: 'RobertaForSequenceClassification', layers: 'num_hidden_layers' },
      blocks: (parts, layers) => postNormBlocks({ ...parts, names: bertLayerNames }, layers),
    });
  },
};
