// The policy that freezes nothing.
import { decision, type FreezePolicy } from './policy.js';

export const noFreeze: FreezePolicy = {
  name: 'none',
  everyStep: false,
  most: () => 0,
  decide: (input) => decision(input, 0, 'the policy none never freezes'),
};
