// The freeze policy of a configuration.
import type { FreezePolicy, FreezePolicyOptions } from '../../freeze/policy.js';
import { FREEZE_POLICIES } from '../../freeze/registry.js';
import type { TrainConfig } from '../core/config.js';

/** Options of the policies as the configuration and the weights that the run starts from have them. */
export const freezePolicyOptions = (config: TrainConfig, pretrainedLayers: number): FreezePolicyOptions => ({
  alpha: config.freezeAlpha,
  schedule: config.freezeSchedule,
  percentile: config.freezePercentile,
  start: config.freezeStart,
  budget: config.freezeBudget,
  pretrainedLayers,
});

/** Throws a UsageError where there is no policy of that name, or an option that it needs is wrong. */
export const makeRunPolicy = (config: TrainConfig, pretrainedLayers: number): FreezePolicy =>
  FREEZE_POLICIES.get(config.freeze).make(freezePolicyOptions(config, pretrainedLayers));
