// PlannerInput of a run: what the planner is asked, from the basis of plans, their history and a request. Which shapes
// are considered is added by who asks.
import type { PipelineChoice } from '../../pipeline/choice.js';
import { choosePipeline, type PlannerInput } from '../../pipeline/planner.js';
import { parseRecompute } from '../../pipeline/recompute.js';
import { isOverMemoryLimit } from '../core/conditions.js';
import type { TrainConfig } from '../core/config.js';
import { forecastCache } from './cache-size.js';
import type { PlanBasis } from './plan-basis.js';
import { cachedDepth, type PlanHistory } from './plan-history.js';
import type { PlanRequest } from './planned.js';
import { presentCosts } from './present-blocks.js';

/**
 * What reducing a gradient costs next to updating it, when nothing was measured: both stream the same memory, the
 * reduction without arithmetic.
 */
const REDUCE_TO_UPDATE = 0.5;

/** What is asked but for the shape; under the memory limit of the crew. */
export type OpenInput = Omit<PlannerInput, 'shape'>;

export function plannerInput(
  basis: PlanBasis,
  history: PlanHistory | null,
  request: PlanRequest,
  usesCache: boolean,
): OpenInput {
  const { frozen, epochsLeft, growth } = request;
  const { config, costs, microBatch, numMicroBatches, rates, crew } = basis;
  const forecast = frozen === 0 || !usesCache ? null : forecastCache(basis, frozen, epochsLeft, cachedDepth(history));
  return {
    // Nothing is frozen before the model is whole, so that `frozen` means the same in both numberings.
    model: {
      costs: presentCosts(costs, growth),
      frozen,
      cacheReadMs: forecast === null ? null : forecast.averageMs * microBatch,
    },
    crew: { workers: crew.workers.length, slowness: crew.workers.map(crew.slownessOf) },
    batch: { numMicroBatches, microBatch },
    memory: {
      limit: crew.memoryLimit,
      recompute: parseRecompute(config.recompute),
      recomputeLimit: crew.memoryLimit,
    },
    rates: {
      updateMsPerMB: rates.updateMsPerMb,
      reduceMsPerMB: rates.updateMsPerMb * REDUCE_TO_UPDATE,
      ...rates.handover,
    },
    rules: {
      schedule: basis.schedule,
      // A run that goes on with frozen layers may have had another shape than at its start.
      mayChangeSchedule: history !== null || frozen > 0,
      partition: config.partition,
    },
  };
}

/** The same question under another memory limit, or under none. */
export const withLimit = <Input extends OpenInput>(input: Input, limit: number | null): Input => ({
  ...input,
  memory: { ...input.memory, limit },
});

/** K or R as asked for; null where it is free. */
export const unlessAuto = (asked: number | 'auto'): number | null => (asked === 'auto' ? null : asked);

/** The best choice under a limit, or the best of all where none respects it. */
export function chooseWithin(limit: number, input: PlannerInput): PipelineChoice {
  try {
    return choosePipeline(withLimit(input, limit));
  } catch (error) {
    if (!isOverMemoryLimit(error)) throw error;
    return choosePipeline(withLimit(input, null));
  }
}

/**
 * Without exactness the micro-batch need not be the same for all plans: where there is no pipeline to fill, one
 * micro-batch per replica makes the largest matrix products and the fewest calls.
 */
export function inExactness({ exact, batch }: TrainConfig, choice: PipelineChoice): PipelineChoice {
  if (exact || choice.K > 1 || batch % choice.R !== 0) return choice;
  return {
    ...choice,
    microBatches: 1,
    ranges: Array.from({ length: choice.R }, (_, start) => ({ start, count: 1 })),
  };
}
