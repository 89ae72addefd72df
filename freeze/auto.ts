// The policy for those who name none: it freezes only where freezing is known not to hurt. Weights that were trained before keep their lower layers
// nearly as they are; weights from scratch improve in every layer until late, and no rule measured here froze them without a loss. What was measured is in
// bench/policies.
import { changeFreeze } from './change.js';
import { decision, type FreezePolicy } from './policy.js';

/** Share of the run that passes before the first layer freezes: the first steps of fine-tuning repair what the new head broke. */
const WARM_UP = 0.2;
/** Share of the layers that may be frozen at most, rounded down. */
const MOST = 2 / 3;

const most = (numLayers: number): number => Math.floor(numLayers * MOST);

/** From scratch: nothing. From trained weights: the rule `change`, but not at once, one layer per decision, and never the upper third. */
export function autoFreeze(percent: number, isPretrained: boolean): FreezePolicy {
  const rule = changeFreeze(percent);
  return {
    name: 'auto',
    everyStep: false,
    most: (numLayers) => (isPretrained ? most(numLayers) : 0),
    decide(input) {
      if (!isPretrained) return decision(input, 0, 'the run starts from scratch, where every layer improves until late (name a policy to freeze all the same)');
      const { step, totalSteps, frozenLayers, numLayers } = input;
      if (step < WARM_UP * totalSteps) return decision(input, 0, `nothing freezes before ${WARM_UP * 100} % of the run, this is step ${step} of ${totalSteps}`);
      const { layers, reason } = rule.decide({ ...input, maxLayers: numLayers });
      return decision(input, Math.min(layers, frozenLayers + 1, most(numLayers)), `at most one layer at a time and ${most(numLayers)} of ${numLayers} in all; ${reason.replace(/^[^:]*: /, '')}`);
    },
  };
}
