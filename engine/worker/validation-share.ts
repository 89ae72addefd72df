// ValidationShare: which micro-batches of the validation samples one replica looks at. Pure.
import type { Plan } from '../core/plan.js';
import type { Sampler } from '../data/sampler.js';
import { validationIndices } from '../protocol/validation.js';
import type { ValidationBatch } from './stage-seat.js';

/** As `validationIndices`, with the samples. */
export function validationShare(
  sampler: Sampler,
  plan: Plan,
  replica: number,
  stride: number,
): Omit<ValidationBatch, 'n'>[] {
  return validationIndices(sampler.numValidation, plan, replica, stride).map((index) => ({
    index,
    ids: sampler.validationBatch(index, plan.microBatch),
  }));
}
