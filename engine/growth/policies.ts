// The growth policies by name. A schedule names none: it is `manual`.
import { Registry } from '../core/registry.js';
import { autoGrowth } from './auto.js';
import { manualGrowth } from './manual.js';
import type { GrowPolicy } from './policy.js';

/** A kind of policy, before it has its schedule. */
interface GrowPolicyKind {
  readonly name: string;
  /** Throws a UsageError (PT_GROW) where the schedule is needed and cannot be read. */
  make(schedule: string): GrowPolicy;
}

export const GROW_POLICIES = new Registry<GrowPolicyKind>('growth policy', [
  { name: 'auto', make: () => autoGrowth() },
  { name: 'manual', make: manualGrowth },
]);

/** The policy of a value of `--grow` that is not `none`. Throws a UsageError (PT_GROW). */
export const growPolicyOf = (grow: string): GrowPolicy =>
  GROW_POLICIES.get(grow === 'auto' ? 'auto' : 'manual').make(grow);
