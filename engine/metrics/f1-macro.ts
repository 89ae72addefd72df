// f1-macro: the mean over classes or labels of their F1, each counting alike. Classes that no sample has and nothing is
// taken for are left out, as by scikit-learn; labels are not.
import { countsOf, f1Of, present } from './confusion.js';
import type { Metric } from './metric.js';

export const f1Macro: Metric = {
  name: 'f1-macro',
  summary: 'mean over classes or labels of F1',
  of: ['class', 'labels'],
  higherIsBetter: true,
  fold(samples) {
    const all = countsOf(samples);
    const counts = samples.kind === 'labels' ? all : present(all);
    return counts.reduce((sum, one) => sum + f1Of(one), 0) / counts.length;
  },
};
