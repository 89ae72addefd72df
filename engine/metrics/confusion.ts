// Confusion: how often which class was taken for which, and the counts of right and wrong that F1 is made of. Counts
// are whole numbers, so no order of samples changes them.
import type { SampleStatistics } from './sample-statistics.js';

/** Of one class or label: taken for it and right, taken for it and wrong, not taken for it though it was. */
export interface Counts {
  right: number;
  extra: number;
  missed: number;
}

/**
 * Counts of every class (`class`) or label (`labels`), in the order of their ids; of a class that nobody has and
 * nothing is taken for all are 0.
 */
export function countsOf(samples: SampleStatistics): Counts[] {
  const labels = samples.field('label');
  const counts: Counts[] = [];
  const of = (id: number): Counts => (counts[id] ??= { right: 0, extra: 0, missed: 0 });
  const width = samples.outcomeWidth;
  const numClasses = samples.kind === 'labels' ? width : (samples.dataset.info.classes ?? 0);
  for (let id = 0; id < numClasses; id++) of(id);
  for (let sample = 0; sample < samples.numSamples; sample++) {
    if (samples.kind === 'labels') {
      for (let id = 0; id < width; id++)
        count(of(id), samples.outcome(sample, id) === 1, labels[sample * width + id] === 1);
      continue;
    }
    const [said, is] = [samples.outcome(sample, 0), labels[sample] as number];
    if (said === is) of(is).right++;
    else {
      of(said).extra++;
      of(is).missed++;
    }
  }
  return counts;
}

function count(counts: Counts, said: boolean, is: boolean): void {
  if (said && is) counts.right++;
  else if (said) counts.extra++;
  else if (is) counts.missed++;
}

/** Harmonic mean of precision and recall; 0 where nothing is and nothing is said to be, as scikit-learn has it. */
export const f1Of = ({ right, extra, missed }: Counts): number =>
  right + extra + missed === 0 ? 0 : (2 * right) / (2 * right + extra + missed);

export const sumOf = (counts: readonly Counts[]): Counts =>
  counts.reduce(
    (sum, one) => ({
      right: sum.right + one.right,
      extra: sum.extra + one.extra,
      missed: sum.missed + one.missed,
    }),
    { right: 0, extra: 0, missed: 0 },
  );

/** Classes that some sample has or is taken for. */
export const present = (counts: readonly Counts[]): readonly Counts[] =>
  counts.filter(({ right, extra, missed }) => right + extra + missed > 0);
