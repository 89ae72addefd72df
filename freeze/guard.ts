// The guard's judgement: whether a freeze hurts, from the validation metric before and after it. Pure; when it is asked
// and what follows from the answer is engine/freezing/freeze-guard.ts.
//
// A freeze seldom makes the metric fall; it makes it stop rising. So the metric is compared with what could be expected
// without the freeze: the error shrank by some rate before, learning slows down, and at least half of that rate should
// be left.

/** The metric of one look at the validation samples. */
export interface MetricPoint {
  /** Steps done. */
  readonly step: number;
  readonly metric: number;
}

export interface GuardQuestion {
  /** Looks before the freeze and at it, in order of steps; the last one is at the freeze. */
  readonly before: readonly MetricPoint[];
  readonly now: MetricPoint;
  readonly higherIsBetter: boolean;
  /**
   * Points: hundredths of a metric that is a share (accuracy), percent of the value of one where lower is better (loss,
   * perplexity).
   */
  readonly tolerance: number;
  /** Samples of one look; the fewer, the more of a difference is chance. */
  readonly samples: number;
}

export interface GuardVerdict {
  readonly hurts: boolean;
  /** What the metric should have reached by now. */
  readonly expected: number;
  /**
   * How much worse than expected is still accepted: the tolerance, and one standard error of a share over so many
   * samples.
   */
  readonly allowed: number;
  /** One sentence with the numbers. */
  readonly reason: string;
}

/** Share of the earlier rate of improvement that is expected to go on. */
const KEPT_RATE = 0.5;

/** Judges a freeze. A metric that is not finite always hurts. */
export function judgeFreeze({ before, now, higherIsBetter, tolerance, samples }: GuardQuestion): GuardVerdict {
  const at = before.at(-1) ?? now;
  const span = now.step - at.step;
  // As long before the freeze as now is after it, or as far back as there is.
  const earlier = before.findLast(({ step }) => step <= at.step - span) ?? before[0] ?? at;
  const error = (metric: number): number => (higherIsBetter ? 1 - metric : metric);
  const seen = at.step - earlier.step;
  const rate = rateOf(error(earlier.metric), error(at.metric), seen);
  // No rate is believed for longer than it was seen.
  const expectedError = error(at.metric) * Math.exp(-KEPT_RATE * rate * Math.min(span, seen));
  const expected = higherIsBetter ? 1 - expectedError : expectedError;
  const chance = higherIsBetter
    ? Math.sqrt(Math.max(0, expectedError * (1 - expectedError)) / Math.max(1, samples))
    : 0;
  const allowed = (higherIsBetter ? tolerance / 100 : (tolerance / 100) * Math.abs(at.metric)) + chance;
  const shortfall = higherIsBetter ? expected - now.metric : now.metric - expected;
  const hurts = !(shortfall <= allowed);
  return {
    hurts,
    expected,
    allowed,
    reason:
      `${show(now.metric)} at step ${now.step}, ${show(at.metric)} at the freeze (step ${at.step}), ` +
      `${show(earlier.metric)} at step ${earlier.step} before it; ` +
      `${higherIsBetter ? 'at least' : 'at most'} ${show(expected)} could be expected, ${show(allowed)} ` +
      `${higherIsBetter ? 'less' : 'more'} is accepted`,
  };
}

/** How fast an error shrinks, as a rate per step; 0 where it did not. */
function rateOf(from: number, to: number, steps: number): number {
  if (steps <= 0 || !(from > 0) || !(to > 0)) return 0;
  return Math.max(0, Math.log(from / to) / steps);
}

const show = (value: number): string => (Number.isFinite(value) ? String(Number(value.toPrecision(4))) : String(value));
