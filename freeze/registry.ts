// The freeze policies by name. Adding one is one file and one line here.
import { alphaFreeze } from './alpha.js';
import { manualFreeze } from './manual.js';
import { noFreeze } from './none.js';
import { paperFreeze } from './paper.js';
import type { FreezePolicy } from './policy.js';

export interface FreezePolicyOptions {
  /** paper, alpha: in (0, 1). */
  readonly alpha: number;
  /** manual: `STEP:LAYERS,...`. */
  readonly schedule: string;
}

const POLICIES = {
  none: () => noFreeze,
  paper: ({ alpha }: FreezePolicyOptions) => paperFreeze(alpha),
  alpha: ({ alpha }: FreezePolicyOptions) => alphaFreeze(alpha),
  manual: ({ schedule }: FreezePolicyOptions) => manualFreeze(schedule),
} as const;

export type FreezePolicyName = keyof typeof POLICIES;

/** All names. */
export const freezePolicyNames = Object.keys(POLICIES) as readonly FreezePolicyName[];

/** The policy of that name. Options that it does not use are ignored. Throws a UsageError where those it uses are wrong. */
export const makeFreezePolicy = (name: FreezePolicyName, options: FreezePolicyOptions): FreezePolicy => POLICIES[name](options);
