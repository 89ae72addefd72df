// FreezeInterval: the time between two freeze decisions of a run, as it is written or as the policy has it.
import { FREEZE_POLICIES } from '../../freeze/registry.js';
import { durationInSteps } from '../core/duration.js';
import type { RunSetup } from './run-setup.js';

type Run = Pick<RunSetup, 'config' | 'totalSteps'> & { readonly sampler: Pick<RunSetup['sampler'], 'stepsPerEpoch'> };

const EVERY = '1 epoch';
/** Norms of fewer steps are too noisy to decide by. */
const LEAST_STEPS = 4;

/** Steps between two decisions, at least 1. */
export function freezeInterval({ config, totalSteps, sampler: { stepsPerEpoch } }: Run): number {
  if (config.freezeInterval !== undefined) return durationInSteps(config.freezeInterval, stepsPerEpoch);
  const { decisions } = FREEZE_POLICIES.get(config.freeze);
  return decisions === undefined
    ? durationInSteps(EVERY, stepsPerEpoch)
    : Math.max(LEAST_STEPS, Math.round(totalSteps / decisions));
}
