// The policy for those who name none: it freezes pretrained layers when little can be lost by it. What can be lost is
// the learning that the lower layers still have before them: the share of the run's learning that is still to come,
// times the share of the gradient that is theirs. Weights from scratch, those of an own run included, improve in every
// layer until late, and no rule measured here froze them without a loss. What was measured is in bench/policies.
import { layerText } from './layers.js';
import { decision, type FreezeInput, type FreezePolicy, type FreezePolicyKind } from './policy.js';

/** Decisions of a run, at equal distances. */
const DECISIONS = 40;
/**
 * A layer whose gradient norm grew by more than this factor since the interval before has not begun to settle: under a
 * fresh head gradients are small at first, and grow when there is something to learn below.
 */
const GROWTH = 1.25;
/**
 * What so many samples teach, seen once, may be given up by the lower half of the layers whatever the budget is: of few
 * samples they learn little but these samples, and a run in which they stand still ends no worse.
 */
const FEW_SAMPLES = 500;
const HALF = 1 / 2;
/** Every change costs a checkpoint and a new plan: of many layers so many at once at least, as a share of all. */
const AT_ONCE = 1 / 6;
/** What is left of a run then does not pay for a change. */
const TOO_LATE = 0.95;

/**
 * Of `pretrainedLayers` leading layers as many as may be frozen with no more than `budget` of the run's learning given
 * up, 0 to 1. None are: nothing.
 */
export const autoFreeze = (budget: number, pretrainedLayers: number): FreezePolicy => ({
  name: 'auto',
  isGuarded: pretrainedLayers > 0,
  everyStep: false,
  most: (numLayers) => Math.min(numLayers, pretrainedLayers),
  decide(input) {
    const { frozenLayers, step, totalSteps } = input;
    const stays = (because: string): ReturnType<FreezePolicy['decide']> => decision(input, frozenLayers, because);
    if (pretrainedLayers === 0)
      return stays(
        'no layer starts from pretrained weights, and others improve until late (name a policy to freeze all the same)',
      );
    if (step >= TOO_LATE * totalSteps) return stays('so near the end a change costs more than it saves');
    const shares = gradientShares(input);
    if (shares === null) return stays('there are no gradients of two intervals to compare yet');
    return weigh(input, shares, budget, pretrainedLayers);
  },
  expected: ({ layers, numLayers }) => [layers + leastAtOnce(numLayers), layers + 1],
});

export const auto: FreezePolicyKind = {
  name: 'auto',
  reads: ['budget'],
  isGuarded: true,
  needsTrained: true,
  decisions: DECISIONS,
  make: ({ budget, pretrainedLayers }) => autoFreeze(budget, pretrainedLayers),
};

const leastAtOnce = (numLayers: number): number => Math.max(1, Math.floor(numLayers * AT_ONCE));

/**
 * For k = 0 to L the share of the gradient norm that the first k layers have together, at least k / L: a layer that is
 * calm for now may not stay so. An unknown norm counts as the mean of the others. Null where an active layer has no
 * finite norm in this interval or the one before, or where all are 0.
 */
function gradientShares({ numLayers, frozenLayers, layerNorms, previousNorms }: FreezeInput): number[] | null {
  const active = Array.from({ length: numLayers - frozenLayers }, (_, i) => frozenLayers + i);
  const isKnown = (norm: number | undefined): norm is number => Number.isFinite(norm);
  if (!active.every((layer) => isKnown(layerNorms[layer]) && isKnown(previousNorms[layer]))) return null;
  const known = layerNorms.filter(isKnown);
  const mean = known.reduce((sum, norm) => sum + norm, 0) / known.length;
  if (!(mean > 0)) return null;
  let below = 0;
  const sums = Array.from({ length: numLayers }, (_, layer) => {
    const norm = layerNorms[layer];
    return (below += isKnown(norm) ? norm : mean);
  });
  return [0, ...sums.map((sum, layer) => Math.max((layer + 1) / numLayers, sum / below))];
}

function weigh(
  input: FreezeInput,
  shares: readonly number[],
  budget: number,
  pretrained: number,
): ReturnType<FreezePolicy['decide']> {
  const { numLayers, frozenLayers, learningLeft, learningSamples, maxLayers } = input;
  const top = Math.max(frozenLayers, Math.min(pretrained, maxLayers, numLayers));
  const growing = growingLayer(input);
  let wanted = frozenLayers;
  const costOf = (layers: number): number => (shares[layers] as number) * learningLeft;
  const few = Math.min(HALF, FEW_SAMPLES / learningSamples);
  const mayCost = (layers: number): number => (layers <= HALF * pretrained ? Math.max(budget, few) : budget);
  while (wanted < top && wanted !== growing && costOf(wanted + 1) <= mayCost(wanted + 1)) wanted++;
  const left = `${percent(learningLeft)} of the learning is still to come`;
  const cost = (layers: number): string =>
    `the first ${layers === 1 ? 'layer has' : `${layers} layers have`} ${percent(shares[layers] as number)} of the ` +
    `gradient, so that freezing them gives up ${percent(costOf(layers))}`;
  const next =
    wanted === top
      ? ''
      : wanted === growing
        ? `the gradient of ${layerText(wanted, numLayers)} still grows`
        : `${cost(wanted + 1)}, more than ${percent(mayCost(wanted + 1))}`;
  if (wanted > frozenLayers && wanted < top && wanted - frozenLayers < leastAtOnce(numLayers))
    return decision(input, frozenLayers, `${left}; at least ${leastAtOnce(numLayers)} freeze at once; ${next}`);
  const taken = wanted === frozenLayers ? '' : `; ${cost(wanted)}`;
  return decision(input, wanted, `${left}${taken}${next === '' ? '' : `; ${next}`}`);
}

/** The lowest active layer whose gradient norm grew by more than `GROWTH`, or null. */
function growingLayer({ numLayers, frozenLayers, layerNorms, previousNorms }: FreezeInput): number | null {
  for (let layer = frozenLayers; layer < numLayers; layer++)
    if ((layerNorms[layer] as number) > GROWTH * (previousNorms[layer] as number)) return layer;
  return null;
}

const percent = (share: number): string => `${(100 * share).toPrecision(3)} %`;
