// The policy that freezes nothing.
import { decision, type FreezePolicy, type FreezePolicyKind } from './policy.js';

export const noFreeze: FreezePolicy = {
  name: 'none',
  isGuarded: false,
  everyStep: false,
  most: () => 0,
  decide: (input) => decision(input, 0, 'the policy none never freezes'),
  expected: () => [],
};

/** As many intervals as `auto` has, so that a replay can ask it what it would have done. */
const INTERVALS = 40;

export const none: FreezePolicyKind = {
  name: 'none',
  reads: [],
  isGuarded: false,
  decisions: INTERVALS,
  make: () => noFreeze,
};
