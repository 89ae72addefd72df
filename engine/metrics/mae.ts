// mae: the mean distance of the values that were predicted from those that are right.
import type { Metric } from './metric.js';
import { valuesOf } from './values.js';

export const mae: Metric = {
  name: 'mae',
  summary: 'mean distance from the right values',
  of: ['value'],
  higherIsBetter: false,
  fold(samples) {
    const { said, right } = valuesOf(samples);
    return samples.mean((sample) => Math.abs((said[sample] ?? 0) - (right[sample] ?? 0)));
  },
};
