// RunLearning: how much a run will learn and how much of it is still to come, as far as that is known before anything
// is computed: from the learning rate of every step, and from how often its samples were seen before. It looks at no
// gradient.

/** What one pass over the samples teaches, as a share of what the pass before taught at the same rate. */
const PASS = 0.5;
/** Points at which the rate is looked at; between them the sum grows evenly. */
const POINTS = 1000;

export interface LearningTime {
  readonly totalSteps: number;
  readonly stepsPerEpoch: number;
  /** Training samples of an epoch. */
  readonly numSamples: number;
  /** The learning rate of a step from 0; may throw where it has none. */
  readonly rateAt: (step: number) => number;
}

export interface RunLearning {
  /** What the whole run teaches, in samples that are seen for the first time, at the highest rate of the run. */
  readonly samples: number;
  /** Share of it that follows once `step` steps are done: 1 at the start, 0 at the end, never rising. */
  readonly left: (step: number) => number;
}

/**
 * A step teaches in proportion to its learning rate, and half as much each further time that its samples were seen.
 * Where no step has a rate above 0 all have the same.
 */
export function runLearning({ totalSteps, stepsPerEpoch, numSamples, rateAt }: LearningTime): RunLearning {
  const points = Math.min(POINTS, totalSteps);
  const steps = Array.from({ length: points }, (_, point) => Math.floor(((point + 0.5) * totalSteps) / points));
  const rates = steps.map((step) => rateOf(rateAt, step));
  const highest = rates.reduce((most, rate) => Math.max(most, rate), 0);
  const done = [0];
  for (const [point, step] of steps.entries()) {
    const rate = highest > 0 ? (rates[point] as number) / highest : 1;
    done.push((done.at(-1) as number) + rate * PASS ** Math.floor(step / stepsPerEpoch));
  }
  const all = done.at(-1) as number;
  return {
    samples: (all * totalSteps * numSamples) / (points * stepsPerEpoch),
    left: (step) => {
      if (step >= totalSteps) return 0;
      const at = (step / totalSteps) * points;
      const low = Math.floor(at);
      const below = done[low] as number;
      return 1 - (below + (at - low) * ((done[low + 1] as number) - below)) / all;
    },
  };
}

/** A step without a rate ends the run when it comes; until then it teaches nothing. */
function rateOf(rateAt: LearningTime['rateAt'], step: number): number {
  try {
    return rateAt(step);
  } catch {
    return 0;
  }
}
