// ExpectedFreeze: how many layers the next change of a run will probably freeze. A guess, for what may be prepared
// ahead; the policy decides, and may decide otherwise.
import { alphaSchedule, ceilLayers } from '../../freeze/alpha.js';
import { parseFreezeSchedule } from '../../freeze/manual.js';
import type { TrainConfig } from '../core/config.js';

export interface FreezeState {
  /** Layers that are frozen. */
  readonly layers: number;
  /** Decisions so far. */
  readonly decisions: number;
  readonly numLayers: number;
  /** Most layers that may be frozen, by the settings and by the policy. */
  readonly maxLayers: number;
}

/** Numbers of layers above the present one, the likeliest first; none where nothing more will freeze. */
export function expectedLayers(
  { freeze, freezeAlpha, freezeSchedule }: TrainConfig,
  { layers, decisions, numLayers, maxLayers }: FreezeState,
): number[] {
  const guesses = (): number[] => {
    if (freeze === 'auto' || freeze === 'anneal') return [layers + 1];
    if (freeze === 'manual')
      return parseFreezeSchedule(freezeSchedule)
        .flatMap((entry) => (entry.layers > layers ? [entry.layers] : []))
        .slice(0, 1);
    if (freeze === 'alpha') {
      for (let next = decisions + 1; next <= decisions + numLayers; next++) {
        const wanted = alphaSchedule(freezeAlpha, numLayers, next);
        if (wanted > layers) return [wanted];
      }
      return [];
    }
    // Policies that look at gradients are bounded from above; one more layer is the least that they can do.
    return [ceilLayers(layers + freezeAlpha * (numLayers - layers)), layers + 1];
  };
  return [...new Set(guesses().map((wanted) => Math.min(wanted, maxLayers, numLayers)))].filter(
    (wanted) => wanted > layers,
  );
}
