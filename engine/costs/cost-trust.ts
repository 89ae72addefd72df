// CostTrust: how far a measurement of costs may be believed: how much of its time others had, and how far its repeated
// timings lie apart. One of poor trust is made again and not kept for later runs; kept ones that real steps contradict
// are dropped. Pure.

/** What a measurement knows of itself. */
export interface CostTrust {
  /** Share of its time that others on the machine had, 0 to 1. */
  readonly othersShare: number;
  /** How far its timings of the same program lie apart, as a share of their medians, over all programs together. */
  readonly spread: number;
}

/** Others had at most this share of the time. */
const MOST_OTHERS = 0.2;
/** Timings lie apart by at most their own size. */
const MOST_SPREAD = 1;
/** Real steps take at most this many times as long as was predicted, or as short. */
const MOST_CONTRADICTION = 1.5;

export const isTrusted = ({ othersShare, spread }: CostTrust): boolean =>
  othersShare <= MOST_OTHERS && spread <= MOST_SPREAD;

/** The one that may be believed more. */
export const moreTrusted = <T extends { readonly trust: CostTrust }>(a: T, b: T): T =>
  distrust(b.trust) < distrust(a.trust) ? b : a;

const distrust = ({ othersShare, spread }: CostTrust): number =>
  Math.max(othersShare / MOST_OTHERS, spread / MOST_SPREAD);

/** Of measurements made at the same time: the worst of each. */
export const jointTrust = (all: readonly CostTrust[]): CostTrust => ({
  othersShare: all.reduce((most, { othersShare }) => Math.max(most, othersShare), 0),
  spread: all.reduce((most, { spread }) => Math.max(most, spread), 0),
});

/** Whether real steps are so far from what was predicted for them that the costs are not worth keeping. */
export const isContradicted = (predictedMs: number, measuredMs: number): boolean =>
  !(measuredMs <= predictedMs * MOST_CONTRADICTION && predictedMs <= measuredMs * MOST_CONTRADICTION);

/** The timings of a measurement, program by program. */
export class Timings {
  #apart = 0;
  #typical = 0;

  /** `times` are those of one program, `typical` their median. */
  add(times: readonly number[], typical: number): void {
    if (times.length === 0) return;
    this.#apart += Math.max(...times) - Math.min(...times);
    this.#typical += typical;
  }

  get spread(): number {
    return this.#typical > 0 ? this.#apart / this.#typical : 0;
  }
}
