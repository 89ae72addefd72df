// loss: the mean loss of the samples.
import type { Metric } from './metric.js';

export const loss: Metric = {
  name: 'loss',
  summary: 'mean loss of the samples',
  of: null,
  higherIsBetter: false,
  fold: (samples) => samples.mean((sample) => samples.loss(sample)),
};
