// The freeze policies by name. Adding one is one file and one line here.
import { alphaFreeze } from './alpha.js';
import { annealFreeze } from './anneal.js';
import { autoFreeze } from './auto.js';
import { changeFreeze } from './change.js';
import { manualFreeze } from './manual.js';
import { noFreeze } from './none.js';
import { paperFreeze } from './paper.js';
import type { FreezePolicy } from './policy.js';

export interface FreezePolicyOptions {
  /** paper, alpha: in (0, 1). */
  readonly alpha: number;
  /** manual: `STEP:LAYERS,...`. */
  readonly schedule: string;
  /** change, auto: percentile of the changes below which a layer counts as calm, 0 to 100. */
  readonly percentile: number;
  /** anneal: share of the run after which the first layer freezes. */
  readonly start: number;
  /** auto: whether the run starts from weights that were trained before. */
  readonly isPretrained: boolean;
}

const POLICIES = {
  none: () => noFreeze,
  auto: ({ percentile, isPretrained }: FreezePolicyOptions) => autoFreeze(percentile, isPretrained),
  paper: ({ alpha }: FreezePolicyOptions) => paperFreeze(alpha),
  alpha: ({ alpha }: FreezePolicyOptions) => alphaFreeze(alpha),
  change: ({ percentile }: FreezePolicyOptions) => changeFreeze(percentile),
  anneal: ({ start }: FreezePolicyOptions) => annealFreeze(start),
  manual: ({ schedule }: FreezePolicyOptions) => manualFreeze(schedule),
} as const;

export type FreezePolicyName = keyof typeof POLICIES;

/** All names. */
export const freezePolicyNames = Object.keys(POLICIES) as readonly FreezePolicyName[];

/**
 * The policy of that name. Options that it does not use are ignored. Throws a UsageError where those it uses are wrong.
 */
export const makeFreezePolicy = (name: FreezePolicyName, options: FreezePolicyOptions): FreezePolicy =>
  POLICIES[name](options);
