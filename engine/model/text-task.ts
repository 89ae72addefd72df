// TextTask: what a model of texts is asked for, by the task of the data: how many numbers for each sample or token,
// what they are worth, and what they say. The layers below do not depend on it. Shape suffixes: B samples, T tokens, C
// classes or labels, V vocabulary.
import type { DataInfo } from '../data/dataset.js';
import * as nn from '../tensor/nn.js';
import * as tf from '../tensor/tf.js';
import type { BlockContext, Model, Outcome } from './block.js';
import { requireCount, requireField } from './data-fit.js';
import { CLASS_OUTCOME, namedTokens, type RightTokens } from './outcome.js';
import { spanLoss, spanOutcome } from './spans.js';

export interface TextTask {
  /** Numbers that the head gives. */
  readonly outputs: number;
  /** Of what: one sample as a whole, or each of its tokens. */
  readonly level: 'sample' | 'token';
  /** What config.json of a pretrained head for it says; null where it says nothing. */
  readonly problemType: string | null;
  readonly objective: Pick<Model, 'loss' | 'score' | 'metric'> & { readonly outcome: Outcome };
}

const higher = (name: string): Model['metric'] => ({ name, higherIsBetter: true });

/** The task of the data. Throws a ModelError (PT_MODEL_DATA) where they lack what it needs; `wants` names others. */
export function textTask(model: string, data: DataInfo, wants: string): TextTask {
  switch (data.task) {
    case 'multi-label':
      return multiLabelTask(requireCount(model, data, 'classes', wants));
    case 'regression':
      return REGRESSION;
    case 'token-classification': {
      const [T = 0] = requireField(model, data, 'tags', 1, wants);
      return tagsTask(requireCount(model, data, 'classes', wants), T);
    }
    case 'question-answering': {
      const [T = 0] = requireField(model, data, 'context', 1, wants);
      return spansTask(T);
    }
    case 'masked-language-model':
      requireField(model, data, 'targets', 1, wants);
      return maskedTask(requireCount(model, data, 'vocabulary', wants));
    default:
      return classTask(requireCount(model, data, 'classes', wants));
  }
}

const classTask = (C: number): TextTask => ({
  outputs: C,
  level: 'sample',
  problemType: 'single_label_classification',
  objective: {
    loss: (y_BC, context) => nn.crossEntropy(y_BC, context.field('label'), context.labelSmoothing),
    score: null,
    metric: higher('accuracy'),
    outcome: CLASS_OUTCOME,
  },
});

/** Sigmoid cross-entropy, the mean over the labels of a sample. */
const multiLabelTask = (C: number): TextTask => ({
  outputs: C,
  level: 'sample',
  problemType: 'multi_label_classification',
  objective: {
    loss(y_BC, context) {
      // log(1 + e^y) - y * label, with no power of a number above 0.
      const soft_BC = tf.log1p(tf.exp(tf.neg(tf.abs(y_BC))));
      return tf.mean(tf.add(tf.sub(tf.relu(y_BC), tf.mul(y_BC, context.field('label'))), soft_BC), -1);
    },
    score: null,
    metric: higher('f1-micro'),
    outcome: { kind: 'labels', width: C, of: (y_BC) => tf.cast(tf.greater(y_BC, 0), 'float32') },
  },
});

/** Squared error. */
const REGRESSION: TextTask = {
  outputs: 1,
  level: 'sample',
  problemType: 'regression',
  objective: {
    loss(y_B1, context) {
      const error_B = tf.sub(tf.reshape(y_B1, [-1]), context.field('label'));
      return tf.mul(error_B, error_B);
    },
    score: null,
    metric: higher('pearson'),
    outcome: { kind: 'value', width: 1, of: (y_B1) => y_B1 },
  },
};

/** A field [B, T] with -1 where a token does not count. */
function counted(context: BlockContext, name: string): RightTokens & { readonly counts_BT: tf.Tensor } {
  const field_BT = context.field(name);
  const is_BT = tf.greaterEqual(field_BT, tf.scalar(0, 'int32'));
  return { ids_BT: tf.mul(field_BT, tf.cast(is_BT, 'int32')), counts_BT: tf.cast(is_BT, 'float32') };
}

/** The mean over the tokens of a sample that count; 0 where none does. */
function countedLoss(y_BTC: tf.Tensor, context: BlockContext, name: string): tf.Tensor {
  const { ids_BT, counts_BT } = counted(context, name);
  const sum_B = tf.sum(tf.mul(nn.crossEntropy(y_BTC, ids_BT, context.labelSmoothing), counts_BT), -1);
  return tf.div(sum_B, tf.maximum(tf.sum(counts_BT, -1), 1));
}

const tagsTask = (C: number, T: number): TextTask => ({
  outputs: C,
  level: 'token',
  problemType: null,
  objective: {
    loss: (y_BTC, context) => countedLoss(y_BTC, context, 'tags'),
    score: null,
    metric: higher('accuracy'),
    outcome: { kind: 'tags', width: T, of: (y_BTC) => tf.cast(tf.argMax(y_BTC, -1), 'float32') },
  },
});

const maskedTask = (V: number): TextTask => ({
  outputs: V,
  level: 'token',
  problemType: null,
  objective: {
    loss: (y_BTV, context) => countedLoss(y_BTV, context, 'targets'),
    score: null,
    metric: { name: 'loss', higherIsBetter: false },
    outcome: namedTokens((context) => counted(context, 'targets')),
  },
});

const spansTask = (T: number): TextTask => ({
  outputs: 2,
  level: 'token',
  problemType: null,
  objective: {
    loss: spanLoss,
    score: null,
    metric: { name: 'loss', higherIsBetter: false },
    outcome: { kind: 'span', width: 4, of: (y_BT2, context) => spanOutcome(y_BT2, context.field('context'), T) },
  },
});
