// The guard's judgement: whether a freeze hurts, from the validation metric before and after it. Pure; when it is asked
// and what follows from the answer is engine/freezing/freeze-guard.ts.
//
// A freeze seldom makes the metric fall; it makes it stop rising. So the metric is compared with what could be expected
// without the freeze: learning slows down, in that the error shrinks by some factor each time that the steps double; at
// least half of that should be left. All looks are on the same samples, so that the chance in a difference is that of
// the samples whose answer changed, not that of the samples that were drawn.

/** The metric of one look at the validation samples. */
export interface MetricPoint {
  /** Steps done. */
  readonly step: number;
  readonly metric: number;
  /** That of equal parts of the samples, the same in every look; none where they are not known. */
  readonly parts: readonly number[];
}

export interface GuardQuestion {
  /** Looks before the freeze and at it, in order of steps; the last one is what the freeze is compared with. */
  readonly before: readonly MetricPoint[];
  readonly now: MetricPoint;
  /** Which look at this freeze it is, from 1. */
  readonly look: number;
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
  /** How much worse than expected is still accepted: the tolerance, and what may be chance. */
  readonly allowed: number;
  /** One sentence with the numbers. */
  readonly reason: string;
}

/** Looks at the metric after which a freeze is accepted. */
export const GUARD_LOOKS = 2;
/** Share of the earlier rate per doubling of the steps that is expected to go on. */
const KEPT_RATE = 0.5;
/**
 * Standard errors that may be chance at each look: the bounds of O'Brien and Fleming for two looks, of which one in
 * forty is passed where nothing hurts. Early only what is beyond doubt is taken back.
 */
const LAST_BOUND = 1.98;
const BOUNDS = [2.8, LAST_BOUND];
/** So many parts at least tell how much of a difference is chance. */
const LEAST_PARTS = 8;

/** Judges a freeze. A metric that is not finite always hurts. */
export function judgeFreeze(question: GuardQuestion): GuardVerdict {
  const { before, now, look, higherIsBetter, tolerance, samples } = question;
  const at = before.at(-1) ?? now;
  const span = now.step - at.step;
  // As long before the freeze as now is after it, or as far back as there is.
  const earlier = before.findLast(({ step }) => step <= at.step - span) ?? before[0] ?? at;
  const error = (metric: number): number => (higherIsBetter ? 1 - metric : metric);
  const rate = rateOf(error(earlier.metric), error(at.metric), doublings(earlier.step, at.step));
  // No improvement is believed for more than a doubling, and none before it was seen.
  const ahead = Math.min(1, doublings(at.step, now.step));
  const expectedError = error(at.metric) * Math.exp(-KEPT_RATE * rate * ahead);
  const expected = higherIsBetter ? 1 - expectedError : expectedError;
  const share = higherIsBetter ? standardErrorOfShare(expectedError, samples) : 0;
  const chance = (BOUNDS[look - 1] ?? LAST_BOUND) * (pairedError(at.parts, now.parts) ?? share);
  const allowed = (higherIsBetter ? tolerance / 100 : (tolerance / 100) * Math.abs(at.metric)) + chance;
  const shortfall = higherIsBetter ? expected - now.metric : now.metric - expected;
  return {
    hurts: !(shortfall <= allowed),
    expected,
    allowed,
    reason:
      `${show(now.metric)} at step ${now.step}, compared with ${show(at.metric)} at step ${at.step} and ` +
      `${show(earlier.metric)} at step ${earlier.step} before it; ` +
      `${higherIsBetter ? 'at least' : 'at most'} ${show(expected)} could be expected, ${show(allowed)} ` +
      `${higherIsBetter ? 'less' : 'more'} is accepted`,
  };
}

/** How fast an error shrinks, as a rate per doubling of the steps; 0 where it did not. */
function rateOf(from: number, to: number, seen: number): number {
  if (!(seen > 0) || !(from > 0) || !(to > 0)) return 0;
  return Math.max(0, Math.log(from / to) / seen);
}

const doublings = (from: number, to: number): number => Math.log2((to + 1) / (from + 1));

const standardErrorOfShare = (share: number, samples: number): number =>
  Math.sqrt(Math.max(0, share * (1 - share)) / Math.max(1, samples));

/**
 * The standard error of the difference of two means over the same parts; null where parts are not known or too few.
 */
export function pairedError(before: readonly number[], now: readonly number[]): number | null {
  const { length } = now;
  if (length < LEAST_PARTS || before.length !== length) return null;
  const differences = now.map((value, part) => value - (before[part] as number));
  const mean = differences.reduce((sum, one) => sum + one, 0) / length;
  const squares = differences.reduce((sum, one) => sum + (one - mean) ** 2, 0);
  const deviation = Math.sqrt(squares / (length - 1) / length);
  return Number.isFinite(deviation) ? deviation : null;
}

const show = (value: number): string => (Number.isFinite(value) ? String(Number(value.toPrecision(4))) : String(value));
