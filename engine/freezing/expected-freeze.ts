// ExpectedFreeze: how many layers the next change of a run will probably freeze, among those that can be. A guess, for
// what may be prepared ahead; the policy decides, and may decide otherwise.
import type { FreezeOutlook } from '../../freeze/policy.js';
import type { RunSetup } from '../run/run-setup.js';
import { makeRunPolicy } from './freeze-policy.js';

export interface FreezeState extends FreezeOutlook {
  /** Most layers that may be frozen, by the settings and by the policy. */
  readonly maxLayers: number;
}

/** Numbers of layers above the present one, the likeliest first; none where nothing more will freeze. */
export function expectedLayers(
  { config, trained }: Pick<RunSetup, 'config' | 'trained'>,
  state: FreezeState,
): number[] {
  const { layers, numLayers, maxLayers } = state;
  const guesses = makeRunPolicy(config, trained.pretrainedLayers).expected(state);
  return [...new Set(guesses.map((wanted) => Math.min(wanted, maxLayers, numLayers)))].filter(
    (wanted) => wanted > layers,
  );
}
