// Eq. 1 of PipeTransformer (He et al., ICML 2021), with its gradient term:
//   L_f(T) = min( L_f(T-1) + alpha (L - L_f(T-1)),  argmin over l in {L_f(T-1)..L} of ||g_l(T)|| ),   L_f(0) = 0
//
// How it is read here, where the paper leaves a choice:
// - L_f counts layers, so layers are numbered 1..L and the argmin, taken as a count, freezes the layer with the
// smallest gradient norm and all below it. Numbered from 0 the rule would freeze the layers below the calmest one and
// keep that one, and would freeze nothing at all whenever the lowest active layer is the calmest: the opposite of its
// purpose.
// - The range begins at L_f(T-1), which is frozen and has no gradient (at T = 1 it is no layer). It stands for "nothing
// more" and cannot be the argmin; the search runs over the active layers L_f(T-1)+1..L.
// - Of equal norms the lowest layer counts, which freezes least.
// - L_f is whole from one decision to the next, and the bound is rounded up as in the released schedule; rounded down
// it would never freeze the last 1 / alpha layers.
import { ceilLayers } from './alpha.js';
import { layerText } from './layers.js';
import { decision, type FreezeInput, type FreezePolicy, type FreezePolicyKind } from './policy.js';

/**
 * The active layer with the smallest norm, numbered 1..L, and that norm; null where no active layer has a finite one.
 */
export function calmestLayer({
  frozenLayers,
  numLayers,
  layerNorms,
}: FreezeInput): { readonly layer: number; readonly norm: number } | null {
  let calmest: { layer: number; norm: number } | null = null;
  for (let layer = frozenLayers + 1; layer <= numLayers; layer++) {
    const norm = layerNorms[layer - 1] ?? NaN;
    if (Number.isFinite(norm) && (calmest === null || norm < calmest.norm)) calmest = { layer, norm };
  }
  return calmest;
}

/** Eq. 1 with `alpha` in (0, 1). */
export const paperFreeze = (alpha: number): FreezePolicy => ({
  name: 'paper',
  isGuarded: true,
  everyStep: false,
  decide(input) {
    const { frozenLayers, numLayers } = input;
    const calmest = calmestLayer(input);
    if (calmest === null)
      return decision(
        input,
        frozenLayers,
        frozenLayers >= numLayers ? 'no layer is active' : 'no gradient of an active layer was seen in this interval',
      );
    const bound = ceilLayers(frozenLayers + alpha * (numLayers - frozenLayers));
    return decision(
      input,
      Math.min(bound, calmest.layer),
      `the bound with alpha ${alpha.toFixed(3)} is ceil(${frozenLayers} + ${alpha.toFixed(3)} * ` +
        `${numLayers - frozenLayers}) = ${bound}, the smallest gradient norm is ${calmest.norm.toPrecision(3)} ` +
        `in ${layerText(calmest.layer - 1, numLayers)}`,
    );
  },
  // Bounded from above; one more layer is the least that it can do.
  expected: ({ layers, numLayers }) => [ceilLayers(layers + alpha * (numLayers - layers)), layers + 1],
});

export const paper: FreezePolicyKind = {
  name: 'paper',
  reads: ['alpha'],
  isGuarded: true,
  make: ({ alpha }) => paperFreeze(alpha),
};
