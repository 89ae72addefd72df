// The policy for those who name none: it freezes only where freezing is known to pay. Weights that were trained before
// keep their lower layers nearly as they are, the more so the fewer samples there are to change them; weights from
// scratch improve in every layer until late, and no rule measured here froze them without a loss. What was measured is
// in bench/policies.
import { changeFreeze } from './change.js';
import { decision, type FreezeInput, type FreezePolicy, type FreezePolicyKind } from './policy.js';

/**
 * Up to so many training samples, the lower half of trained weights is frozen before the first step: half of the work
 * per epoch, and where it was measured more accurate, because less of the model overfits.
 */
const FEW_SAMPLES = 2000;
const HALF = 1 / 2;
/**
 * With more, the share of the run that passes before the first layer freezes: the first steps of fine-tuning repair
 * what the new head broke.
 */
const WARM_UP = 0.2;
/** Share of the layers that may be frozen at most with more, rounded down. */
const MOST = 2 / 3;

const most = (numLayers: number): number => Math.floor(numLayers * MOST);
const half = (numLayers: number): number => Math.floor(numLayers * HALF);

/**
 * From scratch: nothing. From trained weights, and few samples: half of the layers at once, so that nothing but the
 * upper ones is ever trained or moved, and all that lies below is computed once per sample. With many samples: the rule
 * `change`, but not at once, one layer per decision, and never the upper third.
 */
export function autoFreeze(percent: number, isPretrained: boolean): FreezePolicy {
  const rule = changeFreeze(percent);
  return {
    name: 'auto',
    isGuarded: isPretrained,
    everyStep: false,
    atStart: isPretrained,
    most: (numLayers, numSamples) =>
      !isPretrained ? 0 : numSamples <= FEW_SAMPLES ? half(numLayers) : most(numLayers),
    decide(input) {
      if (!isPretrained)
        return decision(
          input,
          0,
          'the run starts from scratch, where every layer improves until late (name a policy to freeze all the same)',
        );
      return input.numSamples <= FEW_SAMPLES ? atOnce(input) : gradually(input, rule);
    },
    expected: ({ layers }) => [layers + 1],
  };
}

export const auto: FreezePolicyKind = {
  name: 'auto',
  reads: ['percentile'],
  isGuarded: true,
  needsTrained: true,
  make: ({ percentile, isPretrained }) => autoFreeze(percentile, isPretrained),
};

function atOnce(input: FreezeInput): ReturnType<FreezePolicy['decide']> {
  const { numLayers, numSamples } = input;
  return decision(
    input,
    half(numLayers),
    `the weights were trained before, and ${numSamples} samples are too few to better their lower half (up ` +
      `to ${FEW_SAMPLES} are)`,
  );
}

function gradually(input: FreezeInput, rule: FreezePolicy): ReturnType<FreezePolicy['decide']> {
  const { step, totalSteps, frozenLayers, numLayers } = input;
  if (step < WARM_UP * totalSteps)
    return decision(
      input,
      0,
      `nothing freezes before ${WARM_UP * 100} % of the run, this is step ${step} of ${totalSteps}`,
    );
  const { layers, reason } = rule.decide({ ...input, maxLayers: numLayers });
  return decision(
    input,
    Math.min(layers, frozenLayers + 1, most(numLayers)),
    `at most one layer at a time and ${most(numLayers)} of ${numLayers} in all; ${reason.replace(/^[^:]*: /, '')}`,
  );
}
