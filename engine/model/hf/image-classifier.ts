// ImageClassifier: the model `hf:DIR` where the folder holds a vision transformer: its blocks, and a head that
// classifies its first tokens, the folder's own or a fresh one. Shape suffixes: B samples, T tokens, D width, C
// classes.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { ModelError } from '../../core/errors.js';
import type { DataInfo } from '../../data/dataset.js';
import * as nn from '../../tensor/nn.js';
import * as tf from '../../tensor/tf.js';
import type { Block, ParamSpec } from '../block.js';
import { requireCount, requireField } from '../data-fit.js';
import { defineModel, type ModelDefinition } from '../define.js';
import { bias, defineBlock, matrix } from '../define-block.js';
import { CLASS_OUTCOME } from '../outcome.js';
import { classLoss } from '../transformer-blocks.js';
import { activation } from './activations.js';
import { count, flag, only, positive, rate } from './config-settings.js';
import { FINE_TUNING } from './fine-tuning.js';
import { requireHeads } from './head-sizes.js';
import { imageBlocks, type ImageSizes } from './image-blocks.js';
import type { CommonSettings, ModelFolder } from './model-folder.js';
import type { PretrainedWeights } from './pretrained-weights.js';
import { chooseHead, HEAD_MEANING, HEADS } from './stored-classes.js';

const WANTS = 'use image data, e.g. --data mnist:DIR';
/** As in the published fine-tuning. */
const HEAD_STD = 0.02;

const settings = {
  hidden_size: count,
  num_hidden_layers: count,
  num_attention_heads: count,
  intermediate_size: count,
  hidden_act: activation.default('gelu'),
  hidden_dropout_prob: rate.default(0),
  layer_norm_eps: positive.default(1e-12),
  image_size: count,
  patch_size: count,
  num_channels: count.default(3),
  qkv_bias: flag.default(true),
  use_mask_token: only(false).nullish(),
};
/** A layer of the pretraining that no classifier has. */
const NEUTRAL = ['pooler_act', 'pooler_output_size'];

/** Of a classifier: its layer, and which token it sees; the scores are the mean where there are several. */
export interface TokenClassifier {
  readonly name: string;
  readonly token: number;
}

export interface ImageFamily {
  readonly type: string;
  /** Names of the tokens in front of the patches. */
  readonly special: readonly string[];
  /** What checkpoints may have, in the order of preference. */
  readonly heads: readonly (readonly TokenClassifier[])[];
  /** The class of `transformers` for a head of so many layers. */
  readonly architecture: (layers: number) => string;
}

const optionsOf = (layers: number, dropout: number) =>
  z.strictObject({
    head: z.enum(HEADS).default('auto').describe(HEAD_MEANING),
    dropout: z
      .number()
      .min(0)
      .lt(1)
      .default(dropout)
      .describe('dropout rate of the embedding and the residual branches'),
    layers: z.number().int().positive().max(layers).default(layers).describe('use only the first so many layers'),
  });

/** The definition for a folder; weights are looked at when the model is built. */
export function imageClassifier(folder: ModelFolder, family: ImageFamily): ModelDefinition {
  const { config, doubts } = folder.settings(family.type, settings, NEUTRAL);
  const { name } = folder;
  requireHeads(folder, 'hidden_size', config.hidden_size, 'num_attention_heads', config.num_attention_heads);
  if (config.image_size % config.patch_size !== 0)
    throw folder.unsupported(`image_size ${config.image_size} is not a multiple of patch_size ${config.patch_size}`);
  const sizes: ImageSizes = {
    image: config.image_size,
    patch: config.patch_size,
    channels: config.num_channels,
    width: config.hidden_size,
    layers: config.num_hidden_layers,
    heads: config.num_attention_heads,
    ff: config.intermediate_size,
    activation: config.hidden_act,
    epsilon: config.layer_norm_eps,
    hasBias: config.qkv_bias,
  };
  const { special } = family;
  return defineModel({
    name,
    summary: `pretrained vision transformer of ${sizes.layers} layers that classifies images`,
    options: optionsOf(sizes.layers, config.hidden_dropout_prob),
    defaults: FINE_TUNING,
    build({ head: choice, dropout, layers }, data) {
      requireImages(name, sizes, data);
      const classes = requireCount(name, data, 'classes', WANTS);
      const weights = folder.weights({
        prefixes: ['', `${family.type}.`],
        written: `${family.type}.`,
        heads: ['classifier', 'cls_classifier', 'distillation_classifier'],
      });
      const { head, note, count: numHeads } = headOf({ name, choice, classes, sizes, weights, stored: config }, family);
      const blocks = [...imageBlocks({ sizes, weights, special, dropout }, layers), head];
      const passedOver = layers === sizes.layers ? weights.passedOver : null;
      return {
        name,
        blocks,
        loss: classLoss,
        score: null,
        outcome: CLASS_OUTCOME,
        metric: { name: 'accuracy', higherIsBetter: true },
        foreign: {
          folder: folder.path,
          config: folder.changedConfig({ architectures: [family.architecture(numHeads)], num_hidden_layers: layers }),
          isClassifier: true,
          sequence: null,
        },
        notes: [
          note,
          ...(sizes.channels === 1 ? [] : [`the one channel of the images stands for each of its ${sizes.channels}`]),
        ],
        doubts: [...doubts, ...pixelDoubts(folder), ...(passedOver === null ? [] : [passedOver])],
      };
    },
  });
}

/** Throws ModelError PT_MODEL_DATA for images of another size: positions are those of the folder's patches. */
function requireImages(name: string, { image }: ImageSizes, data: DataInfo): void {
  const [H = 0, W = 0] = requireField(name, data, 'image', 2, WANTS);
  if (H === image && W === image) return;
  throw new ModelError(
    'PT_MODEL_DATA',
    `the model ${name} is for images of ${image} x ${image} pixels (image_size), the data have ${H} x ${W}`,
    `bring the images to ${image} x ${image}, or use a model for ${H} x ${W}`,
  );
}

/** Other numbers for the same pixels are learned, at a price. */
const pixelDoubts = ({ name, path }: ModelFolder): string[] =>
  existsSync(join(path, 'preprocessor_config.json'))
    ? [
        `${name}: pixels are normalised as the data say, not as its preprocessor_config.json does; the first steps ` +
          'go into getting used to that',
      ]
    : [];

interface HeadParts {
  readonly name: string;
  readonly choice: (typeof HEADS)[number];
  readonly classes: number;
  readonly sizes: ImageSizes;
  readonly weights: PretrainedWeights;
  readonly stored: CommonSettings;
}

/** The head, and what is said of it. */
function headOf(
  { name, choice, classes: C, sizes: { width: D, epsilon }, weights, stored }: HeadParts,
  { heads }: ImageFamily,
): { readonly head: Block; readonly note: string; readonly count: number } {
  const there = heads.find((head) => head.every((one) => weights.has(`${one.name}.weight`)));
  const shape = weights.shapeOf(`${there?.[0]?.name ?? ''}.weight`);
  const { isStored, note } = chooseHead({
    name,
    choice,
    classes: C,
    shape,
    stored,
    problemType: 'single_label_classification',
  });
  const used: readonly TokenClassifier[] = isStored && there !== undefined ? there : [{ name: 'classifier', token: 0 }];
  const layers = Object.fromEntries(
    used.flatMap((one, i): [string, ParamSpec][] => [
      [
        `w${i}`,
        isStored
          ? weights.matrix(`${one.name}.weight`, [D, C])
          : weights.written(matrix([D, C], HEAD_STD), `${one.name}.weight`),
      ],
      [`b${i}`, isStored ? weights.vector(`${one.name}.bias`, C) : weights.written(bias(C), `${one.name}.bias`)],
    ]),
  );
  const params: Readonly<Record<string, ParamSpec>> = {
    normGain: weights.vector('layernorm.weight', D),
    normBias: weights.vector('layernorm.bias', D),
    ...layers,
  };
  const head = defineBlock({
    name: 'head',
    kind: 'head',
    params,
    forward(x_BTD, p) {
      const at = (key: string): tf.Tensor => p[key] as tf.Tensor;
      const h_BTD = nn.layerNorm(x_BTD, at('normGain'), at('normBias'), epsilon);
      const scores = used.map(({ token }, i) => {
        const token_BD = tf.reshape(tf.slice(h_BTD, [0, token, 0], [-1, 1, D]), [-1, D]);
        return nn.linear(token_BD, at(`w${i}`), at(`b${i}`));
      });
      const sum_BC = scores.reduce((sum, one) => tf.add(sum, one));
      return scores.length === 1 ? sum_BC : tf.div(sum_BC, scores.length);
    },
  });
  return { head, note, count: used.length };
}
