// The bound of Eq. 1 of PipeTransformer alone: a schedule fixed before training, which is what the released code of the
// paper runs. Looks at no gradient.
import { decision, type FreezePolicy, type FreezePolicyKind } from './policy.js';

/** Roundings of L (1 - (1 - alpha)^T) must not push a whole number over the next one. */
const ROUNDING = 1e-9;

/** The smallest whole number of layers that is not below `layers`, up to rounding errors of the formulas here. */
export const ceilLayers = (layers: number): number => Math.max(0, Math.ceil(layers - ROUNDING));

/**
 * ceil(L (1 - (1 - alpha)^T)): the closed form of the recurrence x(T) = x(T-1) + alpha (L - x(T-1)), x(0) = 0, rounded
 * up at the end.
 */
export const alphaSchedule = (alpha: number, numLayers: number, interval: number): number =>
  ceilLayers(numLayers * (1 - (1 - alpha) ** interval));

/** Freezes `alphaSchedule` layers at decision T. `alpha` in (0, 1). */
export const alphaFreeze = (alpha: number): FreezePolicy => ({
  name: 'alpha',
  isGuarded: true,
  everyStep: false,
  decide(input) {
    const { interval, numLayers } = input;
    const wanted = alphaSchedule(alpha, numLayers, interval);
    return decision(
      input,
      wanted,
      `the bound with alpha ${alpha.toFixed(3)} at decision ${interval} is ceil(${numLayers} (1 - ` +
        `${(1 - alpha).toFixed(3)}^${interval})) = ${wanted}`,
    );
  },
  expected({ layers, decisions, numLayers }) {
    for (let next = decisions + 1; next <= decisions + numLayers; next++) {
      const wanted = alphaSchedule(alpha, numLayers, next);
      if (wanted > layers) return [wanted];
    }
    return [];
  },
});

export const alpha: FreezePolicyKind = {
  name: 'alpha',
  reads: ['alpha'],
  isGuarded: true,
  make: (options) => alphaFreeze(options.alpha),
};
