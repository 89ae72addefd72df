// CacheReads: how often what a cache keeps will be read. Arithmetic on the settings of a run; what a read saves is
// decided in cache/admission.ts.
import { durationInSteps } from '../core/duration.js';
import { countIds } from '../data/dataset.js';
import type { RunSetup } from '../run/run-setup.js';

export interface CacheReads {
  /** Ids of the data set: training samples by view, and validation samples. */
  readonly numSamples: number;
  /** Views of a training sample; null where every epoch shows a new one. Default: 1. */
  readonly numViews?: number | null;
  readonly numValidation?: number;
  /** Whole validations per epoch; 0 where there are none but at the end. */
  readonly validationsPerEpoch?: number;
}

/** What the settings say. */
export function readsOf({
  config,
  dataset,
  sampler,
}: Pick<RunSetup, 'config' | 'dataset' | 'sampler'>): Required<CacheReads> {
  const interval = durationInSteps(config.evalEvery, sampler.stepsPerEpoch);
  return {
    numSamples: countIds(dataset),
    numViews: config.augment === 'none' ? 1 : (config.views ?? null),
    numValidation: dataset.numValidation,
    validationsPerEpoch: sampler.stepsPerEpoch / interval,
  };
}

/**
 * How often a record will be read after it was written, on average over all of them. Each view of a sample comes once
 * in so many epochs as there are views.
 */
export function expectedReads(
  { numSamples, numViews = 1, numValidation = 0, validationsPerEpoch = 0 }: CacheReads,
  epochsLeft: number,
): number {
  const training = numViews === null ? 0 : Math.max(0, epochsLeft / numViews - 1);
  // The end of the run is always validated.
  const validation = Math.max(0, Math.ceil(epochsLeft * validationsPerEpoch) - 1);
  return ((numSamples - numValidation) * training + numValidation * validation) / numSamples;
}
