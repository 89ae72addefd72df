// The policy for those who name none: it freezes only where freezing is known to pay. Weights that were pretrained keep
// their lower layers nearly as they are, the more so the fewer samples there are to change them; weights from scratch,
// those of an own run included, improve in every layer until late, and no rule measured here froze them without a loss.
// What was measured is in bench/policies.
import { changeFreeze } from './change.js';
import { decision, type FreezeInput, type FreezePolicy, type FreezePolicyKind } from './policy.js';

/**
 * Up to so many training samples, the lower half of pretrained weights is frozen at once: half of the work per epoch,
 * and where it was measured more accurate, because less of the model overfits.
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

const most = (pretrained: number): number => Math.floor(pretrained * MOST);
const half = (pretrained: number): number => Math.floor(pretrained * HALF);

/**
 * Of `pretrainedLayers` leading layers. None: nothing. With few samples: half of them at once, so that nothing but the
 * upper ones is trained or moved, and all that lies below is computed once per sample. With many samples: the rule
 * `change`, but not at once, one layer per decision, and never the upper third.
 */
export function autoFreeze(percent: number, pretrainedLayers: number): FreezePolicy {
  const rule = changeFreeze(percent);
  return {
    name: 'auto',
    isGuarded: pretrainedLayers > 0,
    everyStep: false,
    atStart: pretrainedLayers > 0,
    most(numLayers, numSamples) {
      const pretrained = Math.min(numLayers, pretrainedLayers);
      return numSamples <= FEW_SAMPLES ? half(pretrained) : most(pretrained);
    },
    decide(input) {
      if (pretrainedLayers === 0)
        return decision(
          input,
          0,
          'no layer starts from pretrained weights, and others improve until late (name a policy to freeze all the ' +
            'same)',
        );
      return input.numSamples <= FEW_SAMPLES
        ? atOnce(input, pretrainedLayers)
        : gradually(input, pretrainedLayers, rule);
    },
    expected: ({ layers }) => [layers + 1],
  };
}

export const auto: FreezePolicyKind = {
  name: 'auto',
  reads: ['percentile'],
  isGuarded: true,
  needsTrained: true,
  make: ({ percentile, pretrainedLayers }) => autoFreeze(percentile, pretrainedLayers),
};

function atOnce(input: FreezeInput, pretrained: number): ReturnType<FreezePolicy['decide']> {
  return decision(
    input,
    half(pretrained),
    `${which(input, pretrained)} pretrained, and ${input.numSamples} samples are too few to better their lower ` +
      `half (up to ${FEW_SAMPLES} are)`,
  );
}

const which = ({ numLayers }: FreezeInput, pretrained: number): string =>
  pretrained >= numLayers
    ? 'the weights were'
    : `the first ${pretrained} of ${numLayers} ${pretrained === 1 ? 'layer was' : 'layers were'}`;

function gradually(input: FreezeInput, pretrained: number, rule: FreezePolicy): ReturnType<FreezePolicy['decide']> {
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
    Math.min(layers, frozenLayers + 1, most(pretrained)),
    `at most one layer at a time and ${most(pretrained)} of ${numLayers} in all; ${reason.replace(/^[^:]*: /, '')}`,
  );
}
