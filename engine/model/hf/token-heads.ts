// TokenHeads: heads of pretrained encoders that judge every token: tags, spans, masked tokens; the folder's own or
// fresh. Shape suffixes: B samples, T tokens, D width, C outputs, V vocabulary.
import { ModelError } from '../../core/errors.js';
import type { Task } from '../../data/dataset.js';
import * as nn from '../../tensor/nn.js';
import * as tf from '../../tensor/tf.js';
import type { Block } from '../block.js';
import { bias, defineBlock, matrix } from '../define-block.js';
import { ACTIVATION, type ActivationName } from './activations.js';
import { own, tied } from './language-model.js';
import type { ModelFolder } from './model-folder.js';
import type { PretrainedWeights } from './pretrained-weights.js';
import { chooseHead, type HeadChoice } from './stored-classes.js';

/** Layers that predict masked tokens, as a family has them in its checkpoints; names without `.weight`. */
export interface MaskedHeadNames {
  readonly dense: string;
  readonly norm: string;
  /** The output matrix, where it is none of its own the table of tokens. */
  readonly output: string;
  /** The bias behind it, with its last word. */
  readonly bias: string;
}

export interface TokenHeadParts {
  readonly folder: ModelFolder;
  readonly weights: PretrainedWeights;
  readonly task: Task;
  readonly choice: HeadChoice;
  /** C */
  readonly outputs: number;
  readonly width: number;
  readonly dropout: number;
  readonly activation: ActivationName;
  readonly epsilon: number;
  readonly masked: MaskedHeadNames;
  /** The block with that table, as `tokens`. */
  readonly embed: Block;
  readonly stored: Parameters<typeof chooseHead>[0]['stored'];
}

interface ChosenHead {
  readonly head: Block;
  /** What is said of it. */
  readonly note: string;
}

/** As in the published fine-tuning. */
const HEAD_STD = 0.02;
const HEAD = { name: 'head', kind: 'head' } as const;

/** Throws a ModelError (PT_MODEL_OPTIONS). */
export function tokenHead(parts: TokenHeadParts): ChosenHead {
  switch (parts.task) {
    case 'token-classification':
      return tagsHead(parts);
    case 'question-answering':
      return linearHead(parts, 'qa_outputs', 0, parts.weights.shapeOf('qa_outputs.weight'));
    default:
      return maskedHead(parts);
  }
}

/** A classifier of whole texts may have the same name: only the architecture tells them apart. */
function tagsHead(parts: TokenHeadParts): ChosenHead {
  const isOfTokens = parts.folder.architectures.some((name) => name.endsWith('ForTokenClassification'));
  return linearHead(parts, 'classifier', parts.dropout, isOfTokens ? parts.weights.shapeOf('classifier.weight') : null);
}

function linearHead(
  { folder: { name }, weights, choice, outputs: C, width: D, stored }: TokenHeadParts,
  at: string,
  dropout: number,
  shape: readonly number[] | null,
): ChosenHead {
  const { isStored, note } = chooseHead({ name, choice, classes: C, shape, stored, problemType: null });
  const head = defineBlock({
    ...HEAD,
    params: isStored
      ? { w: weights.matrix(`${at}.weight`, [D, C]), b: weights.vector(`${at}.bias`, C) }
      : { w: matrix([D, C], HEAD_STD), b: bias(C) },
    forward: (x_BTD, p, context) => nn.linear(context.dropout(x_BTD, dropout, 'tokens'), p.w, p.b),
  });
  return { head, note };
}

function maskedHead(parts: TokenHeadParts): ChosenHead {
  const { folder, weights, choice, outputs: V, width: D, activation, epsilon, masked } = parts;
  const isThere = weights.has(`${masked.dense}.weight`);
  if (choice === 'folder' && !isThere)
    throw new ModelError(
      'PT_MODEL_OPTIONS',
      `model ${folder.name}: head is "folder", but the folder has no ${masked.dense}.weight`,
      'leave the option head out, and the head starts fresh',
    );
  if (choice === 'fresh' || !isThere)
    return {
      head: defineBlock({
        ...HEAD,
        params: { w: matrix([D, V], HEAD_STD), b: bias(V) },
        forward: (x_BTD, p) => nn.linear(x_BTD, p.w, p.b),
      }),
      note: `the head starts fresh: ${isThere ? 'head=fresh asks for it' : 'the folder has none for masked tokens'}`,
    };
  const isOwn = weights.has(`${masked.output}.weight`);
  const output = isOwn ? own(weights.matrix(`${masked.output}.weight`, [D, V])) : tied;
  const biasName = weights.has(masked.bias) ? masked.bias : `${masked.output}.bias`;
  const head = defineBlock({
    ...HEAD,
    params: {
      wd: weights.matrix(`${masked.dense}.weight`, [D, D]),
      bd: weights.vector(`${masked.dense}.bias`, D),
      normGain: weights.vector(`${masked.norm}.weight`, D),
      normBias: weights.vector(`${masked.norm}.bias`, D),
      w: output.matrix(parts.embed),
      b: weights.vector(biasName, V),
    },
    forward(x_BTD, p) {
      const h_BTD: tf.Tensor = ACTIVATION[activation](nn.linear(x_BTD, p.wd, p.bd));
      const normed_BTD = nn.layerNorm(h_BTD, p.normGain, p.normBias, epsilon);
      return tf.add(output.scores(normed_BTD, p.w), p.b);
    },
  });
  const matrixNote = isOwn ? ', with a matrix of its own' : ', and its matrix is the table of tokens, trained as one';
  return { head, note: `the head is that of the folder, for masked tokens${matrixNote}` };
}
