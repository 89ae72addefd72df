// ValidationShare: which micro-batches of the validation samples one replica looks at. Pure.
import type { Plan } from '../core/plan.js';
import type { Sampler } from '../data/sampler.js';
import type { ValidationBatch } from './stage-seat.js';

/** Every `stride`-th micro-batch counts, and the replicas take those in turn. In order. */
export function validationShare(
  sampler: Sampler,
  { microBatch, replicas }: Plan,
  replica: number,
  stride: number,
): Omit<ValidationBatch, 'n'>[] {
  return Array.from({ length: Math.ceil(sampler.numValidation / microBatch) }, (_, index) => index)
    .filter((index) => index % stride === 0 && (index / stride) % replicas.length === replica)
    .map((index) => ({ index, ids: sampler.validationBatch(index, microBatch) }));
}
