// DecoderTask: what a causal model is asked for besides the next token: one answer for a whole sample, by its last
// token.
import { ModelError } from '../core/errors.js';
import type { DataInfo } from '../data/dataset.js';
import { requireField } from './data-fit.js';
import { type TextTask, textTask } from './text-task.js';

const WANTS = 'use running text, e.g. --data text:FILE, or labelled texts, e.g. --data tsv:FILE';

/** Throws a ModelError (PT_MODEL_DATA) where each token would have to be judged: it has not seen those behind it. */
export function decoderTask(model: string, data: DataInfo): TextTask {
  const task = textTask(model, data, WANTS);
  if (task.level === 'token')
    throw new ModelError(
      'PT_MODEL_DATA',
      `the model ${model} reads from left to right; for ${data.task} every token has to see the whole text`,
      'use an encoder, e.g. --model bert or --model hf:DIR with one of its families',
    );
  requireField(model, data, 'mask', 1, WANTS);
  return task;
}
