// perplexity: among how many equally likely tokens a language model would have to guess: e to the mean loss of all
// tokens that count.
import type { Metric } from './metric.js';

export const perplexity: Metric = {
  name: 'perplexity',
  summary: 'e to the mean loss of the tokens',
  of: ['tokens'],
  higherIsBetter: false,
  fold(samples) {
    const sum = samples.sum((sample) => samples.outcome(sample, 0));
    return Math.exp(sum / samples.sum((sample) => samples.outcome(sample, 1)));
  },
};
