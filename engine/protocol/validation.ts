// Validation: one look at the validation samples, or at a fixed part of them, assembled from what the workers report in
// an order that does not depend on the shape of the run. Pure.
import type { Plan } from '../core/plan.js';
import type { Model } from '../model/block.js';
import type { ReportOf } from './messages.js';

export interface Validation {
  /** Means over the samples. */
  readonly loss: number;
  readonly metric: number;
  readonly samples: number;
}

/**
 * Indices of the micro-batches of the validation samples that one replica looks at, ascending: every `stride`-th
 * counts, and the replicas take those in turn.
 */
export const validationIndices = (
  numValidation: number,
  { microBatch, replicas }: Pick<Plan, 'microBatch' | 'replicas'>,
  replica: number,
  stride: number,
): number[] =>
  Array.from({ length: Math.ceil(numValidation / microBatch) }, (_, index) => index).filter(
    (index) => index % stride === 0 && (index / stride) % replicas.length === replica,
  );

/** `results` are sums per micro-batch of `microBatch` samples (the last one may be shorter), in order. */
export function assembleValidation(
  results: ReportOf<'evaluated'>['results'],
  numValidation: number,
  microBatch: number,
  model: Model,
): Validation {
  const samples = results.reduce((sum, { index }) => sum + Math.min(microBatch, numValidation - index * microBatch), 0);
  const loss = results.reduce((sum, one) => sum + one.loss, 0) / samples;
  const metric = model.score === null ? loss : results.reduce((sum, { score }) => sum + (score ?? 0), 0) / samples;
  return { loss, metric, samples };
}
