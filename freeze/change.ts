// The rule of AutoFreeze (Liu, Agarwal, Venkataraman 2021): a layer has converged when its gradient norm changes little
// from one interval to the next, compared with the other active layers. How far a norm is from zero does not matter.
import { ceilLayers } from './alpha.js';
import { layerText } from './layers.js';
import { decision, type FreezeInput, type FreezePolicy, type FreezePolicyKind } from './policy.js';

/** Share of the active layers that a decision is expected to freeze; one layer is the least that it can. */
const USUAL_SHARE = 1 / 3;

/**
 * |now - before| / before of every active layer, numbered from 0; not a number where either norm is missing or the one
 * before is 0.
 */
export function normChanges({
  frozenLayers,
  numLayers,
  layerNorms,
  previousNorms,
}: FreezeInput): { readonly layer: number; readonly change: number }[] {
  return Array.from({ length: Math.max(0, numLayers - frozenLayers) }, (_, i) => {
    const layer = frozenLayers + i;
    const before = previousNorms[layer] ?? NaN;
    const now = layerNorms[layer] ?? NaN;
    return { layer, change: before > 0 ? Math.abs(now - before) / before : NaN };
  });
}

/**
 * The value below which `percent` of the values lie, between two of them by linear interpolation. The values are not
 * empty.
 */
export function percentile(values: readonly number[], percent: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  const at = ((sorted.length - 1) * percent) / 100;
  const low = sorted[Math.floor(at)] as number;
  return low + (at - Math.floor(at)) * ((sorted[Math.ceil(at)] as number) - low);
}

/**
 * Freezes, from the lowest active layer up, every layer whose change is below the percentile over all active layers,
 * and stops at the first that is not. `percent` is 0 (freezes nothing) to 100. Needs two intervals.
 */
export const changeFreeze = (percent: number): FreezePolicy => ({
  name: 'change',
  isGuarded: true,
  everyStep: false,
  decide(input) {
    const { frozenLayers, numLayers } = input;
    const changes = normChanges(input);
    const known = changes.flatMap(({ change }) => (Number.isFinite(change) ? [change] : []));
    if (changes.length === 0) return decision(input, frozenLayers, 'no layer is active');
    if (known.length === 0)
      return decision(input, frozenLayers, 'there are no gradients of two intervals to compare yet');
    const threshold = percentile(known, percent);
    const stopper = changes.find(({ change }) => !(change < threshold));
    const limit = `percentile ${percent} of the changes of ${known.length} active layers is ${share(threshold)}`;
    if (stopper === undefined) return decision(input, numLayers, `${limit}, and all changes are below it`);
    const below = stopper.layer - frozenLayers;
    const calm = below === 0 ? '' : `; ${below === 1 ? 'the layer' : `the ${below} layers`} before it changed less`;
    return decision(
      input,
      stopper.layer,
      `${limit}; the norm of ${layerText(stopper.layer, numLayers)} changed by ${share(stopper.change)}${calm}`,
    );
  },
  expected: ({ layers, numLayers }) => [ceilLayers(layers + USUAL_SHARE * (numLayers - layers)), layers + 1],
});

export const change: FreezePolicyKind = {
  name: 'change',
  reads: ['percentile'],
  isGuarded: true,
  make: ({ percentile }) => changeFreeze(percentile),
};

const share = (value: number): string =>
  Number.isFinite(value) ? `${(value * 100).toPrecision(3)} %` : 'an unknown amount';
