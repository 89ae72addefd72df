// accuracy: the share of samples whose class is right, or whose labels are all right; of tokens, the share that has the
// right tag, or is predicted right, over all of them.
import type { Metric } from './metric.js';
import type { SampleStatistics } from './sample-statistics.js';

export const accuracy: Metric = {
  name: 'accuracy',
  summary: 'share of samples (tokens) that are right; of several labels, of samples with all of them right',
  of: ['class', 'labels', 'tags', 'tokens'],
  higherIsBetter: true,
  fold(samples) {
    if (samples.kind === 'tokens') return rightTokens(samples);
    return samples.kind === 'tags' ? rightTags(samples) : rightSamples(samples);
  },
};

function rightTokens(samples: SampleStatistics): number {
  const all = samples.sum((sample) => samples.outcome(sample, 1));
  return samples.sum((sample) => samples.outcome(sample, 2)) / all;
}

function rightTags(samples: SampleStatistics): number {
  const tags = samples.field('tags');
  const width = samples.outcomeWidth;
  let right = 0;
  let all = 0;
  for (let i = 0; i < tags.length; i++) {
    if ((tags[i] as number) < 0) continue;
    all++;
    if (tags[i] === samples.outcome(Math.floor(i / width), i % width)) right++;
  }
  return right / all;
}

function rightSamples(samples: SampleStatistics): number {
  const labels = samples.field('label');
  const width = samples.outcomeWidth;
  const isRight = (sample: number): boolean => {
    for (let i = 0; i < width; i++) if (labels[sample * width + i] !== samples.outcome(sample, i)) return false;
    return true;
  };
  return samples.mean((sample) => Number(isRight(sample)));
}
