// The rule of FreezeOut (Brock et al. 2017): every layer has a learning rate of its own, which falls to zero along a
// cosine by a time of its own, the lowest layers first; then the layer is frozen, which changes nothing any more. Looks
// at no gradient.
import { layerText } from './layers.js';
import { decision, type FreezePolicy, type FreezePolicyKind, type RateInput } from './policy.js';

/**
 * t_i: when layer `layer` (0-based) has come to rest, as a share of the run: from `start` for the first to 1 for the
 * last, at equal distances.
 */
export const restAt = (start: number, layer: number, numLayers: number): number =>
  numLayers <= 1 ? 1 : start + ((1 - start) * layer) / (numLayers - 1);

/**
 * What a layer's learning rate is to that of the run: its own cosine over the cosine of the run, with the factor 1 /
 * t_i of the scaled variant, so that every layer moves as far as it would have. With a cosine over the run as the
 * learning rate this is FreezeOut; any other rate is bent the same way.
 */
export function annealedRate(start: number, layer: number, { progress, numLayers, maxLayers }: RateInput): number {
  const rest = restAt(start, layer, numLayers);
  if (rest >= 1 || layer >= maxLayers) return 1;
  if (progress >= rest) return 0;
  return (1 + Math.cos((Math.PI * progress) / rest)) / (1 + Math.cos(Math.PI * progress)) / rest;
}

/** Freezes every layer when its learning rate has reached zero. `start` is in (0, 1]. */
export const annealFreeze = (start: number): FreezePolicy => ({
  name: 'anneal',
  isGuarded: false,
  everyStep: true,
  decide(input) {
    const { step, totalSteps, numLayers } = input;
    const progress = step / totalSteps;
    const resting = Array.from({ length: numLayers }, (_, layer) => restAt(start, layer, numLayers)).filter(
      (rest) => rest < 1 && progress >= rest,
    ).length;
    const next = restAt(start, resting, numLayers);
    const then =
      resting >= numLayers || next >= 1
        ? 'the others train to the end'
        : `${layerText(resting, numLayers)} comes to rest at ${percent(next)}`;
    return decision(
      input,
      resting,
      `at ${percent(progress)} of the run the learning rate of ${resting} ` +
        `${resting === 1 ? 'layer' : 'layers'} is annealed to zero; ${then}`,
    );
  },
  expected: ({ layers }) => [layers + 1],
  rate: (layer, at) => annealedRate(start, layer, at),
});

export const anneal: FreezePolicyKind = {
  name: 'anneal',
  reads: ['start'],
  isGuarded: false,
  make: ({ start }) => annealFreeze(start),
};

const percent = (share: number): string => `${(share * 100).toFixed(1)} %`;
