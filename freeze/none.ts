// The policy that freezes nothing.
import { decision, type FreezePolicy } from './policy.js';

export const noFreeze: FreezePolicy = {
  name: 'none',
  everyStep: false,
  decide: (input) => decision(input, 0, 'the policy none never freezes'),
};
