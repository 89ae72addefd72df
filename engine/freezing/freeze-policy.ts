// The freeze policy of a configuration.
import type { FreezePolicy, FreezePolicyOptions } from '../../freeze/policy.js';
import { FREEZE_POLICIES } from '../../freeze/registry.js';
import type { TrainConfig } from '../core/config.js';

/**
 * Options of the policies as the configuration has them. A run is pretrained where its model comes with weights, or
 * takes those of another run.
 */
export const freezePolicyOptions = (config: TrainConfig): FreezePolicyOptions => ({
  alpha: config.freezeAlpha,
  schedule: config.freezeSchedule,
  percentile: config.freezePercentile,
  start: config.freezeStart,
  isPretrained: config.model.startsWith('hf:') || config.initFrom !== '',
});

/** Throws a UsageError where there is no policy of that name, or an option that it needs is wrong. */
export const makeRunPolicy = (config: TrainConfig): FreezePolicy =>
  FREEZE_POLICIES.get(config.freeze).make(freezePolicyOptions(config));
