// LanguageModel: the model `hf:DIR` where the folder holds a causal decoder: its blocks, and the matrix that gives the
// scores of the next token. Shape suffixes: B samples, T tokens, D width, V vocabulary.
import { z } from 'zod';
import { ModelError } from '../../core/errors.js';
import { present } from '../../core/invariant.js';
import type { DataInfo } from '../../data/dataset.js';
import * as nn from '../../tensor/nn.js';
import * as tf from '../../tensor/tf.js';
import type { Block } from '../block.js';
import type { ParamSpec } from '../block.js';
import { requireCount, requireField } from '../data-fit.js';
import { decoderTask } from '../decoder-task.js';
import { defineModel, type ModelDefinition } from '../define.js';
import { matrix, shared } from '../define-block.js';
import { type ForeignForm, withoutForm } from '../foreign-form.js';
import { NEXT_TOKEN } from '../outcome.js';
import { lastToken } from '../pooled.js';
import type { TextTask } from '../text-task.js';
import { checkScores } from '../transformer-blocks.js';
import { requireTokens, spareRows } from './folder-tokens.js';
import type { CommonSettings, ModelFolder } from './model-folder.js';
import type { PretrainedWeights, WeightNames } from './pretrained-weights.js';
import { chooseHead, HEAD_MEANING, type HeadChoice, HEADS } from './stored-classes.js';

const WANTS = 'use running text, e.g. --data text:FILE';
/** As in the published pretraining. */
const HEAD_STD = 0.02;

export interface DecoderParts {
  readonly weights: PretrainedWeights;
  /** Tokens per sample. */
  readonly sequence: number;
  readonly dropout: number;
  readonly layers: number;
  readonly output: Output;
}

/** How the scores of the next token come from the last features. */
export interface Output {
  /** The matrix; `embed` is the block with the table of tokens. */
  readonly matrix: (embed: Block) => ParamSpec;
  /** Features [B, T, D] and that matrix to scores [B, T, V]. */
  readonly scores: (x: tf.Tensor, matrix: tf.Tensor) => tf.Tensor;
}

export interface DecoderFamily {
  readonly folder: ModelFolder;
  readonly doubts: readonly string[];
  readonly vocabulary: number;
  readonly width: number;
  readonly layers: number;
  readonly heads: number;
  /** Tokens of a sample at most, and the setting that says so. */
  readonly most: { readonly tokens: number; readonly key: string };
  /** Of the residual branches, where the user says nothing. */
  readonly dropout: number;
  readonly weightNames: WeightNames;
  /** What config.json says of the classes that the weights were trained for. */
  readonly stored: CommonSettings;
  /** Name of the table of tokens in the files; the first block has it as `tokens`. */
  readonly table: string;
  /** Whether the output matrix is the table of tokens. */
  readonly isTied: boolean;
  /** The class of `transformers`, and its settings for so many layers and tokens. */
  readonly foreign: {
    readonly architecture: string;
    readonly settings: (layers: number, sequence: number) => Readonly<Record<string, unknown>>;
  };
  /** All of them, the last one giving [B, T, V]. */
  readonly blocks: (parts: DecoderParts) => Block[];
}

/** Where checkpoints of all families have an output matrix of its own. */
const OUTPUT = 'lm_head.weight';

const optionsOf = ({ layers, dropout }: DecoderFamily) =>
  z.strictObject({
    head: z.enum(HEADS).default('auto').describe(`labelled texts: ${HEAD_MEANING}`),
    untie: z
      .boolean()
      .default(false)
      .describe(
        'train the output matrix apart from the table of tokens, where the folder has one for both; both start with ' +
          'its numbers',
      ),
    dropout: z
      .number()
      .min(0)
      .lt(1)
      .default(dropout)
      .describe('dropout rate of the embedding and the residual branches'),
    layers: z.number().int().positive().max(layers).default(layers).describe('use only the first so many layers'),
  });

/** The definition for a folder; weights are looked at when the model is built. */
export function languageModel(family: DecoderFamily): ModelDefinition {
  const { folder, layers } = family;
  const { name, tokenizer: vocab } = folder;
  return defineModel({
    name,
    summary: `pretrained decoder of ${layers} layers that predicts the next token`,
    options: optionsOf(family),
    defaults: {
      epochs: 1,
      batch: 16,
      microBatch: 4,
      lr: '5e-5 * (1 - progress)',
      warmup: 0.05,
      weightDecay: 0.01,
      clip: 1,
      optimizer: 'adamw',
    },
    ...(vocab === null ? {} : { dataDefaults: { vocab } }),
    build(options, data) {
      const task = data.task === 'language-model' || data.task === 'other' ? null : decoderTask(name, data);
      const { sequence, doubt } = checkText(family, data, task !== null);
      const weights = folder.weights(family.weightNames);
      const { output, note } =
        task === null ? outputOf(family, weights, options.untie) : scoreOf(family, weights, options.head, task);
      const all = family.blocks({ weights, sequence, output, dropout: options.dropout, layers: options.layers });
      const blocks = task === null ? all : [...all.slice(0, -1), ofLastToken(present(all.at(-1), 'the head'))];
      return {
        name,
        blocks,
        ...(task?.objective ?? NEXT_TOKEN),
        notes: [note],
        foreign: task === null ? foreignForm(family, options, sequence) : withoutForm(data.task),
        doubts: [...family.doubts, doubt, options.layers === family.layers ? weights.passedOver : null].filter(
          (one) => one !== null,
        ),
      };
    },
  });
}

/** Matrix of the classes, as decoders that classify have it in their checkpoints. */
const SCORE = 'score.weight';

function scoreOf(
  { folder: { name }, width: D, stored }: DecoderFamily,
  weights: PretrainedWeights,
  choice: HeadChoice,
  { outputs, problemType }: TextTask,
): { readonly output: Output; readonly note: string } {
  const shape = weights.shapeOf(SCORE);
  const { isStored, note } = chooseHead({ name, choice, classes: outputs, shape, stored, problemType });
  return { output: own(isStored ? weights.matrix(SCORE, [D, outputs]) : matrix([D, outputs], HEAD_STD)), note };
}

/** The head, of which the last real token of a sample counts. */
const ofLastToken = (head: Block): Block => ({
  ...head,
  forward: (x, params, context) => lastToken(head.forward(x, params, context), context.field('mask')),
});

function foreignForm(
  { folder, foreign, isTied }: DecoderFamily,
  { layers, untie }: { readonly layers: number; readonly untie: boolean },
  sequence: number,
): ForeignForm {
  const config = folder.changedConfig({
    architectures: [foreign.architecture],
    tie_word_embeddings: isTied && !untie,
    ...foreign.settings(layers, sequence),
  });
  return { folder: folder.path, config, isClassifier: false, sequence };
}

/** Tokens per sample of data that the decoder can read, and what looks wrong; ModelError PT_MODEL_DATA for others. */
function checkText(
  { folder, vocabulary, width, layers, heads, most }: DecoderFamily,
  data: DataInfo,
  isLabelled: boolean,
): { readonly sequence: number; readonly doubt: string | null } {
  const { name } = folder;
  const [T = 0] = requireField(name, data, 'tokens', 1, WANTS);
  if (!isLabelled) requireField(name, data, 'targets', 1, WANTS);
  const V = requireCount(name, data, 'vocabulary', WANTS);
  if (T > most.tokens)
    throw new ModelError(
      'PT_MODEL_DATA',
      `the model ${name} is for ${most.tokens} tokens at most (${most.key}), a sample has ${T}`,
      `add --data-options sequence=${most.tokens}`,
    );
  checkScores(name, { width, layers, heads, dropout: 0 }, T);
  const rows = {
    name,
    folder: folder.path,
    rows: vocabulary,
    // Running text has no frame and no filling.
    special: [],
    wants: isLabelled ? 'use labelled texts (tsv, csv, sst2)' : 'use running text (text:FILE)',
  };
  requireTokens(rows, data, V);
  return { sequence: T, doubt: spareRows(rows, V) };
}

/** A matrix [D, V] of its own. */
export const own = (spec: ParamSpec): Output => ({
  matrix: () => spec,
  scores: (x_BTD, w_DV) => nn.linear(x_BTD, w_DV),
});

/** The table of tokens [V, D], used a second time. */
export const tied: Output = {
  matrix: (embed) => shared(embed, 'tokens'),
  scores: (x_BTD, w_VD) => {
    const [V = 0, D = 0] = w_VD.shape;
    const scores_NV = tf.matMul(tf.reshape(x_BTD, [-1, D]), w_VD, false, true);
    return tf.reshape(scores_NV, [...x_BTD.shape.slice(0, -1), V]);
  },
};

/** How the scores are made, and what is said of it. */
function outputOf(
  { folder: { configFile }, vocabulary: V, width: D, table, isTied }: DecoderFamily,
  weights: PretrainedWeights,
  untie: boolean,
): { readonly output: Output; readonly note: string } {
  // A file that is saved with one matrix has it once; a second one was trained apart.
  if (isTied && weights.has(OUTPUT))
    throw new ModelError(
      'PT_HF_CONFIG',
      `${configFile} says that one matrix is both the table of tokens and the output (tie_word_embeddings: true), ` +
        `and the weights have an output matrix of their own (${OUTPUT})`,
      'write "tie_word_embeddings": false into config.json where the second one is meant, or save the model again',
    );
  if (isTied && !untie)
    return {
      output: tied,
      note: 'one matrix is both the table of tokens and the output (tie_word_embeddings), and is trained as one',
    };
  if (isTied)
    return {
      output: own(weights.written(weights.matrix(table, [D, V]), OUTPUT)),
      note: `the output matrix starts as the table of tokens and is trained apart from it (untie=true)`,
    };
  if (weights.has(OUTPUT))
    return { output: own(weights.matrix(OUTPUT, [D, V])), note: `the output matrix is that of the folder (${OUTPUT})` };
  return {
    output: own(weights.written(matrix([D, V], HEAD_STD), OUTPUT)),
    note: `the output matrix starts fresh: the folder has none (${OUTPUT})`,
  };
}
