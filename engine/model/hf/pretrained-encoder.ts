// PretrainedEncoder: the model `hf:DIR`, a BERT encoder with the weights of a folder in the layout of Hugging Face, and
// a fresh head that classifies. Shape suffixes: B samples, T tokens, D width, C classes.
import { basename, resolve } from 'node:path';
import { z } from 'zod';
import { ModelError } from '../../core/errors.js';
import type { DataInfo } from '../../data/dataset.js';
import { tokenizerFile } from '../../data/tokenizer-source.js';
import * as nn from '../../tensor/nn.js';
import * as tf from '../../tensor/tf.js';
import type { Block } from '../block.js';
import { requireCount, requireField } from '../data-fit.js';
import { defineModel, type ModelDefinition } from '../define.js';
import { bias, defineBlock, matrix } from '../define-block.js';
import { classLoss, classScore } from '../transformer-blocks.js';
import { encoderBlocks } from './encoder-blocks.js';
import { readEncoderConfig } from './encoder-config.js';
import { type EncoderFolder, requireTokens, spareRows } from './encoder-tokens.js';
import { PretrainedWeights } from './pretrained-weights.js';
import { readWeightFiles } from './weight-files.js';

/**
 * What the classifier sees: the mean of the real tokens, the [CLS] token, or the [CLS] token after the dense layer of
 * the pretraining.
 */
const POOLINGS = ['mean', 'cls', 'pooler'] as const;
type Pooling = (typeof POOLINGS)[number];

/** As in the published fine-tuning. */
const HEAD_STD = 0.02;
const WANTS = 'use labelled texts, e.g. --data sst2:DIR or tsv:FILE';

/**
 * The definition for a folder. Throws ModelError PT_HF_FOLDER or PT_HF_CONFIG; weights are looked at when the model is
 * built.
 */
export function pretrainedEncoder(folder: string): ModelDefinition {
  const config = readEncoderConfig(folder);
  const name = `hf:${basename(resolve(folder))}`;
  const vocab = tokenizerFile(resolve(folder));
  const options = z.strictObject({
    pooling: z
      .enum(POOLINGS)
      .default('mean')
      .describe('what is classified: mean of the tokens, cls, or pooler (cls after the dense layer of the folder)'),
    dropout: z
      .number()
      .min(0)
      .lt(1)
      .default(config.hidden_dropout_prob)
      .describe('dropout rate of the embedding, the residual branches and the head'),
    layers: z
      .number()
      .int()
      .positive()
      .max(config.num_hidden_layers)
      .default(config.num_hidden_layers)
      .describe('use only the first so many layers'),
  });
  const definition = defineModel({
    name,
    summary: `pretrained encoder of ${config.num_hidden_layers} layers that classifies texts`,
    options,
    // As fine-tuning of such encoders is usually done; small ones bear the larger of the usual rates.
    defaults: {
      epochs: 3,
      batch: 32,
      microBatch: 8,
      lr: '1e-4 * (1 - progress)',
      warmup: 0.1,
      weightDecay: 0.01,
      clip: 1,
      optimizer: 'adamw',
    },
    ...(vocab === null ? {} : { dataDefaults: { vocab } }),
    build({ pooling, dropout, layers }, data) {
      const C = requireCount(name, data, 'classes', WANTS);
      const encoder = { name, folder: resolve(folder), config };
      const sequence = checkText(encoder, data);
      const doubt = spareRows(encoder, requireCount(name, data, 'vocabulary', WANTS));
      const weights = new PretrainedWeights(folder, readWeightFiles(resolve(folder)));
      const hasTypes = data.fields.some((field) => field.name === 'types');
      return {
        name,
        blocks: [
          ...encoderBlocks({ config, weights, sequence, hasTypes, dropout }, layers),
          headBlock({ pooling, dropout, classes: C, width: config.hidden_size, weights, name }),
        ],
        loss: classLoss,
        score: classScore,
        metric: { name: 'accuracy', higherIsBetter: true },
        doubts: doubt === null ? [] : [doubt],
      };
    },
  });
  return definition;
}

/** Tokens per sample of data that the encoder can read; ModelError PT_MODEL_DATA for others. */
function checkText(encoder: EncoderFolder, data: DataInfo): number {
  const { name, config } = encoder;
  const [T = 0] = requireField(name, data, 'tokens', 1, WANTS);
  requireField(name, data, 'mask', 1, WANTS);
  const V = requireCount(name, data, 'vocabulary', WANTS);
  if (T > config.max_position_embeddings)
    throw new ModelError(
      'PT_MODEL_DATA',
      `the model ${name} has ${config.max_position_embeddings} positions, a sample has ${T} tokens`,
      `add --data-options sequence=${config.max_position_embeddings}`,
    );
  requireTokens(encoder, data, V);
  return T;
}

interface HeadParts {
  readonly name: string;
  readonly pooling: Pooling;
  readonly dropout: number;
  readonly classes: number;
  readonly width: number;
  readonly weights: PretrainedWeights;
}

function headBlock({ name, pooling, dropout, classes: C, width: D, weights }: HeadParts): Block {
  const parts = { name: 'head', kind: 'head' } as const;
  const fresh = { w: matrix([D, C], HEAD_STD), b: bias(C) };
  const first = (x_BTD: tf.Tensor): tf.Tensor => tf.reshape(tf.slice(x_BTD, [0, 0, 0], [-1, 1, D]), [-1, D]);
  if (pooling === 'pooler') {
    const dense = 'pooler.dense';
    if (!weights.has(`${dense}.weight`))
      throw new ModelError(
        'PT_MODEL_OPTIONS',
        `model ${name}: pooling is "pooler", but its weights have no ${dense}.weight`,
        'use --model-options pooling=cls or pooling=mean',
      );
    return defineBlock({
      ...parts,
      params: { wp: weights.matrix(`${dense}.weight`, [D, D]), bp: weights.vector(`${dense}.bias`, D), ...fresh },
      forward: (x_BTD, p, context) =>
        nn.linear(context.dropout(tf.tanh(nn.linear(first(x_BTD), p.wp, p.bp)), dropout, 'pooled'), p.w, p.b),
    });
  }
  return defineBlock({
    ...parts,
    params: fresh,
    forward(x_BTD, p, context) {
      let pooled_BD: tf.Tensor;
      if (pooling === 'cls') pooled_BD = first(x_BTD);
      else {
        const mask_BT1 = tf.expandDims(context.field('mask'), -1);
        // [CLS] is always real, so the sum of the mask is never 0.
        pooled_BD = tf.div(tf.sum(tf.mul(x_BTD, mask_BT1), 1), tf.sum(mask_BT1, 1));
      }
      return nn.linear(context.dropout(pooled_BD, dropout, 'pooled'), p.w, p.b);
    },
  });
}
