// f1-micro: F1 of the counts of all classes or labels together. Of classes it is the accuracy.
import { countsOf, f1Of, sumOf } from './confusion.js';
import type { Metric } from './metric.js';

export const f1Micro: Metric = {
  name: 'f1-micro',
  summary: 'F1 of the counts of all classes or labels together',
  of: ['class', 'labels'],
  higherIsBetter: true,
  fold: (samples) => f1Of(sumOf(countsOf(samples))),
};
