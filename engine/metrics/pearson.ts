// pearson: the linear correlation of the values that were predicted with those that are right.
import { correlation } from './correlation.js';
import type { Metric } from './metric.js';
import { valuesOf } from './values.js';

export const pearson: Metric = {
  name: 'pearson',
  summary: 'linear correlation with the right values, from -1 to 1',
  of: ['value'],
  higherIsBetter: true,
  fold(samples) {
    const { said, right } = valuesOf(samples);
    return correlation(said, right);
  },
};
