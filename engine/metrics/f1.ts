// f1: the harmonic mean of precision and recall of the second of two classes, as scikit-learn's f1_score has it by
// itself.
import { countsOf, f1Of } from './confusion.js';
import type { Metric } from './metric.js';

export const f1: Metric = {
  name: 'f1',
  summary: 'F1 of class 1 of two classes',
  of: ['class'],
  higherIsBetter: true,
  lacks: ({ classes }) => (classes === 2 ? null : `it is of two classes, and the data have ${classes}`),
  fold(samples) {
    const [, positive] = countsOf(samples);
    return positive === undefined ? 0 : f1Of(positive);
  },
};
