// TextClassifier: the model `hf:DIR` where the folder holds an encoder of texts: its blocks, and a head for the task of
// the data, the folder's own or a fresh one. Shape suffixes: B samples, T tokens, D width, C classes.
import { z } from 'zod';
import { ModelError } from '../../core/errors.js';
import { present } from '../../core/invariant.js';
import type { DataInfo } from '../../data/dataset.js';
import * as nn from '../../tensor/nn.js';
import * as tf from '../../tensor/tf.js';
import type { Block } from '../block.js';
import { requireCount, requireField } from '../data-fit.js';
import { defineModel, type ModelDefinition } from '../define.js';
import { bias, defineBlock, matrix } from '../define-block.js';
import { type ForeignForm, withoutForm } from '../foreign-form.js';
import { meanToken } from '../pooled.js';
import { type TextTask, textTask } from '../text-task.js';
import { FINE_TUNING } from './fine-tuning.js';
import { requireTokens, spareRows, type TokenRows } from './folder-tokens.js';
import type { CommonSettings, ModelFolder } from './model-folder.js';
import type { PostNormParts, PostNormSizes } from './post-norm-blocks.js';
import type { PretrainedWeights, WeightNames } from './pretrained-weights.js';
import { chooseHead, HEAD_MEANING, HEADS } from './stored-classes.js';
import { type MaskedHeadNames, tokenHead, type TokenHeadParts } from './token-heads.js';

/**
 * What a fresh classifier sees: the mean of the real tokens, the first token, or the first token after the dense layer
 * of the pretraining.
 */
const POOLINGS = ['mean', 'cls', 'pooler'] as const;
type Pooling = (typeof POOLINGS)[number];

/** As in the published fine-tuning. */
const HEAD_STD = 0.02;
const WANTS = 'use labelled texts, e.g. --data sst2:DIR or tsv:FILE';

/** Layers that classify the first token, as a family has them in its checkpoints; names without `.weight`. */
export interface StoredHeadNames {
  readonly dense: string;
  readonly activation: 'tanh' | 'relu';
  /** Whether what the dense layer sees is dropped out as well. */
  readonly dropsInput: boolean;
  readonly out: string;
}

export interface EncoderFamily {
  readonly folder: ModelFolder;
  readonly doubts: readonly string[];
  readonly sizes: PostNormSizes;
  /** Of the encoder and of the head, where the user says nothing. */
  readonly dropout: number;
  readonly headDropout: number;
  readonly special: TokenRows['special'];
  readonly weightNames: WeightNames;
  /** The dense layer of the pretraining, where the family has one. */
  readonly pooler: string | null;
  readonly head: StoredHeadNames;
  readonly masked: MaskedHeadNames;
  /** What config.json says of the classes that the weights were trained for. */
  readonly stored: CommonSettings;
  /** The class of `transformers` that computes the same with a stored head, and its setting for the layers. */
  readonly foreign: { readonly architecture: string; readonly layers: string };
  readonly blocks: (parts: Omit<PostNormParts, 'names'>, layers: number) => Block[];
}

const optionsOf = ({ sizes: { layers }, dropout }: EncoderFamily) =>
  z.strictObject({
    head: z.enum(HEADS).default('auto').describe(HEAD_MEANING),
    pooling: z
      .enum(POOLINGS)
      .optional()
      .describe(
        'what a fresh head classifies: mean of the tokens (the default), cls, or pooler (cls after the dense layer ' +
          'of the folder)',
      ),
    dropout: z
      .number()
      .min(0)
      .lt(1)
      .optional()
      .describe(
        `dropout rate of the embedding, the residual branches and the head (default: as config.json says, ${dropout})`,
      ),
    layers: z.number().int().positive().max(layers).default(layers).describe('use only the first so many layers'),
  });
type Options = z.infer<ReturnType<typeof optionsOf>>;

/** The definition for a folder; weights are looked at when the model is built. */
export function textClassifier(family: EncoderFamily): ModelDefinition {
  const { folder, sizes } = family;
  const { name, tokenizer: vocab } = folder;
  const definition = defineModel({
    name,
    summary: `pretrained encoder of ${sizes.layers} layers, for texts or their tokens`,
    options: optionsOf(family),
    defaults: FINE_TUNING,
    ...(vocab === null ? {} : { dataDefaults: { vocab } }),
    build(options, data) {
      const task = textTask(name, data, WANTS);
      const { sequence, doubt } = checkText(family, data);
      const weights = folder.weights(family.weightNames);
      const hasTypes = data.fields.some((field) => field.name === 'types') && sizes.types > 1;
      const { dropout = family.dropout, layers } = options;
      const body = family.blocks({ sizes, weights, sequence, hasTypes, dropout }, layers);
      const embed = present(body[0], 'the embedding');
      const { head, note, pooling } =
        task.level === 'sample'
          ? headOf(family, options, task, weights)
          : {
              ...tokenHeadOf(family, options, { task: data.task, outputs: task.outputs, embed }, weights),
              pooling: null,
            };
      const blocks = [...body, head];
      return {
        name,
        blocks,
        ...task.objective,
        notes: [note],
        foreign:
          data.task === 'text-classification' ? foreignForm(family, pooling, layers, sequence) : withoutForm(data.task),
        doubts: [...family.doubts, doubt, layers === sizes.layers ? weights.passedOver : null].filter(
          (one) => one !== null,
        ),
      };
    },
  });
  return definition;
}

/** Tokens per sample of data that the encoder can read, and what looks wrong; ModelError PT_MODEL_DATA for others. */
function checkText(
  { folder, sizes: { vocabulary, positions, firstPosition }, special }: EncoderFamily,
  data: DataInfo,
): { readonly sequence: number; readonly doubt: string | null } {
  const { name } = folder;
  const [T = 0] = requireField(name, data, 'tokens', 1, WANTS);
  requireField(name, data, 'mask', 1, WANTS);
  const V = requireCount(name, data, 'vocabulary', WANTS);
  const most = positions - firstPosition;
  if (T > most)
    throw new ModelError(
      'PT_MODEL_DATA',
      `the model ${name} has ${most} positions, a sample has ${T} tokens`,
      `add --data-options sequence=${most}`,
    );
  const rows = { name, folder: folder.path, rows: vocabulary, special, wants: 'use labelled texts (tsv, csv, sst2)' };
  requireTokens(rows, data, V);
  return { sequence: T, doubt: spareRows(rows, V) };
}

/** The head, and what is said of it. */
function headOf(
  { folder: { name, architectures }, sizes, head, headDropout, pooler, stored }: EncoderFamily,
  { head: choice, pooling, dropout = headDropout }: Options,
  { outputs: classes, problemType }: TextTask,
  weights: PretrainedWeights,
): { readonly head: Block; readonly note: string; readonly pooling: Pooling | null } {
  // Where every token is classified, the matrix may have the same name.
  const isOfTexts =
    !architectures.some((one) => one.endsWith('ForTokenClassification')) && weights.has(`${head.dense}.weight`);
  const shape = isOfTexts ? weights.shapeOf(`${head.out}.weight`) : null;
  if (choice === 'folder' && pooling !== undefined)
    throw new ModelError(
      'PT_MODEL_OPTIONS',
      `model ${name}: head is "folder", which classifies the first token its own way, and pooling is "${pooling}"`,
      'leave one of the two out',
    );
  const parts = { name, dropout, classes, width: sizes.width, weights, names: head };
  if (choice === 'auto' && pooling !== undefined)
    return {
      head: freshHead(parts, pooling, pooler),
      note: `the head starts fresh: pooling=${pooling} asks for it`,
      pooling,
    };
  const { isStored, note } = chooseHead({ name, choice, classes, shape, stored, problemType });
  return isStored
    ? { head: storedHead(parts), note, pooling: null }
    : { head: freshHead(parts, pooling ?? 'mean', pooler), note, pooling: pooling ?? 'mean' };
}

/** A head that `transformers` has: that of the folder, or a fresh one behind the dense layer of the pretraining. */
function foreignForm(
  { folder, sizes: { firstPosition }, foreign: { architecture, layers: layersKey } }: EncoderFamily,
  pooling: Pooling | null,
  layers: number,
  sequence: number,
): ForeignForm {
  if (pooling !== null && pooling !== 'pooler')
    return {
      lacks:
        `its head classifies ${pooling === 'mean' ? 'the mean of the tokens' : 'the first token as it is'} ` +
        `(pooling=${pooling}), and ${architecture} the first token behind a dense layer`,
      remedy:
        'Train with --model-options pooling=pooler where the folder has that layer, or on a head of the folder ' +
        '(head=folder); or use --format safetensors.',
    };
  const config = folder.changedConfig({
    architectures: [architecture],
    [layersKey]: layers,
    max_position_embeddings: firstPosition + sequence,
    problem_type: 'single_label_classification',
  });
  return { folder: folder.path, config, isClassifier: true, sequence };
}

function tokenHeadOf(
  family: EncoderFamily,
  { head: choice, pooling, dropout = family.headDropout }: Options,
  asked: Pick<TokenHeadParts, 'task' | 'outputs' | 'embed'>,
  weights: PretrainedWeights,
): { readonly head: Block; readonly note: string } {
  const { folder, sizes, masked, stored } = family;
  if (pooling !== undefined)
    throw new ModelError(
      'PT_MODEL_OPTIONS',
      `model ${folder.name}: pooling is "${pooling}", and ${asked.task} judges every token`,
      'leave pooling out',
    );
  const { width, activation, epsilon } = sizes;
  return tokenHead({
    ...asked,
    folder,
    weights,
    choice,
    width,
    dropout,
    activation,
    epsilon,
    masked,
    stored,
  });
}

interface HeadParts {
  /** Of the model. */
  readonly name: string;
  readonly dropout: number;
  readonly classes: number;
  readonly width: number;
  readonly weights: PretrainedWeights;
  readonly names: StoredHeadNames;
}

const HEAD = { name: 'head', kind: 'head' } as const;

const firstOf = (x_BTD: tf.Tensor, D: number): tf.Tensor => tf.reshape(tf.slice(x_BTD, [0, 0, 0], [-1, 1, D]), [-1, D]);

function storedHead({ dropout, classes: C, width: D, weights, names }: HeadParts): Block {
  const { dense, activation, dropsInput, out } = names;
  return defineBlock({
    ...HEAD,
    params: {
      wp: weights.matrix(`${dense}.weight`, [D, D]),
      bp: weights.vector(`${dense}.bias`, D),
      w: weights.matrix(`${out}.weight`, [D, C]),
      b: weights.vector(`${out}.bias`, C),
    },
    forward(x_BTD, p, context) {
      const first_BD = firstOf(x_BTD, D);
      const seen_BD = dropsInput ? context.dropout(first_BD, dropout, 'first') : first_BD;
      const dense_BD = nn.linear(seen_BD, p.wp, p.bp);
      const pooled_BD = activation === 'tanh' ? tf.tanh(dense_BD) : tf.relu(dense_BD);
      return nn.linear(context.dropout(pooled_BD, dropout, 'pooled'), p.w, p.b);
    },
  });
}

function freshHead(parts: HeadParts, pooling: Pooling, pooler: string | null): Block {
  const { name, dropout, classes: C, width: D, weights, names } = parts;
  const fresh = {
    w: weights.written(matrix([D, C], HEAD_STD), `${names.out}.weight`),
    b: weights.written(bias(C), `${names.out}.bias`),
  };
  if (pooling === 'pooler') {
    if (pooler === null || !weights.has(`${pooler}.weight`))
      throw new ModelError(
        'PT_MODEL_OPTIONS',
        `model ${name}: pooling is "pooler", but its weights have no ${pooler ?? 'pooler'}.weight`,
        'use --model-options pooling=cls or pooling=mean',
      );
    return defineBlock({
      ...HEAD,
      params: {
        wp: weights.written(weights.matrix(`${pooler}.weight`, [D, D]), `${names.dense}.weight`),
        bp: weights.written(weights.vector(`${pooler}.bias`, D), `${names.dense}.bias`),
        ...fresh,
      },
      forward: (x_BTD, p, context) =>
        nn.linear(context.dropout(tf.tanh(nn.linear(firstOf(x_BTD, D), p.wp, p.bp)), dropout, 'pooled'), p.w, p.b),
    });
  }
  return defineBlock({
    ...HEAD,
    params: fresh,
    forward(x_BTD, p, context) {
      let pooled_BD: tf.Tensor;
      if (pooling === 'cls') pooled_BD = firstOf(x_BTD, D);
      else {
        pooled_BD = meanToken(x_BTD, context.field('mask'));
      }
      return nn.linear(context.dropout(pooled_BD, dropout, 'pooled'), p.w, p.b);
    },
  });
}
