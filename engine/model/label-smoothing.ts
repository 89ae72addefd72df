// Whether the loss of a model heeds label smoothing: it is for the loss to ask its context for it.
import { UsageError } from '../core/errors.js';
import type { DataInfo } from '../data/dataset.js';
import type { Model } from './block.js';
import { traceBlock, traceObjective } from './block-graph.js';

/** Throws a UsageError (PT_LABEL_SMOOTHING) where smoothing is wanted and the loss does not ask for it. */
export function requireSmoothing(model: Model, data: DataInfo, microBatch: number): void {
  const { labelSmoothing = 0 } = model;
  if (labelSmoothing === 0) return;
  let isAsked = false;
  const watched: Model = {
    ...model,
    loss: (y, context) =>
      model.loss(y, {
        isTraining: context.isTraining,
        field: (name) => context.field(name),
        dropout: (x, rate, tag) => context.dropout(x, rate, tag),
        get labelSmoothing() {
          isAsked = true;
          return labelSmoothing;
        },
      }),
  };
  const options = { model: watched, data, microBatch, isTraining: true };
  const output = model.blocks.reduce<readonly number[] | null>(
    (shape, _, index) => traceBlock(options, index, shape).outputShape,
    null,
  );
  traceObjective(options, 'loss', output ?? []);
  if (isAsked) return;
  throw new UsageError(
    'PT_LABEL_SMOOTHING',
    `label-smoothing is ${labelSmoothing}, and the loss of the model ${model.name} does not ask for it`,
    'Leave it out; in a model file of your own: nn.crossEntropy(logits, labels, context.labelSmoothing).',
  );
}
