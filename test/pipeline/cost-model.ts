// Block costs for tests: one figure per block, the rest follows from it; and what a planner is asked about them.
import type { PlannerInput } from '../../pipeline/choice.js';
import type { BlockCost } from '../../pipeline/costs.js';

/**
 * A block with forward `ms` and backward 2 `ms`; `megabytes` of parameters, Adam state and as many saved bytes per
 * micro-batch.
 */
export const block = (ms: number, megabytes = 1, name = 'block'): BlockCost => ({
  name,
  forwardMs: ms,
  backwardMs: 2 * ms,
  parameterBytes: megabytes * 1e6,
  optimizerBytes: 2 * megabytes * 1e6,
  gradientBytes: megabytes * 1e6,
  savedBytes: megabytes * 1e6,
  outputBytes: 0.5e6,
});

/** Blocks with these forward times. */
export const blocks = (...times: readonly number[]): BlockCost[] => times.map((ms, b) => block(ms, 1, `block ${b}`));

/** Nothing frozen, nothing given, four workers; eight blocks, and only they take time. */
export const PLANNER_INPUT: PlannerInput = {
  model: { costs: blocks(1, 1, 1, 1, 1, 1, 1, 1), frozen: 0, cacheReadMs: null },
  crew: { workers: 4 },
  batch: { numMicroBatches: 8, microBatch: 4 },
  memory: { limit: null },
  rates: { updateMsPerMB: 0, reduceMsPerMB: 0 },
  shape: { fixedK: null, fixedR: null, maxK: null },
  rules: { schedule: 'auto', partition: 'exact' },
};

/** Some of what the planner is asked. */
export type PlannerChange = { readonly [Group in keyof PlannerInput]?: Partial<PlannerInput[Group]> };

/** The same question with some of it asked otherwise. */
export const asking = (base: PlannerInput, change: PlannerChange): PlannerInput => ({
  model: { ...base.model, ...change.model },
  crew: { ...base.crew, ...change.crew },
  batch: { ...base.batch, ...change.batch },
  memory: { ...base.memory, ...change.memory },
  rates: { ...base.rates, ...change.rates },
  shape: { ...base.shape, ...change.shape },
  rules: { ...base.rules, ...change.rules },
});
