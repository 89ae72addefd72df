// spearman: the correlation of the ranks of the values that were predicted with the ranks of those that are right.
import { correlation, ranks } from './correlation.js';
import type { Metric } from './metric.js';
import { valuesOf } from './values.js';

export const spearman: Metric = {
  name: 'spearman',
  summary: 'correlation of ranks with those of the right values, from -1 to 1',
  of: ['value'],
  higherIsBetter: true,
  fold(samples) {
    const { said, right } = valuesOf(samples);
    return correlation(ranks(said), ranks(right));
  },
};
