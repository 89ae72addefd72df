// Values: what was predicted of each sample and what is right, of a regression.
import type { SampleStatistics } from './sample-statistics.js';

export const valuesOf = (samples: SampleStatistics): { readonly said: Float64Array; readonly right: Float64Array } => ({
  said: Float64Array.from({ length: samples.numSamples }, (_, sample) => samples.outcome(sample, 0)),
  right: Float64Array.from(samples.field('label')),
});
