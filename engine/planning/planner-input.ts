// PlannerInput of a run: what the planner is asked, from the basis of plans, their history and a request. What is fixed
// of the shape is added by who asks.
import type { PipelineChoice } from '../../pipeline/choice.js';
import { choosePipeline, type PlannerInput } from '../../pipeline/planner.js';
import { parseRecompute } from '../../pipeline/recompute.js';
import { isOverMemoryLimit } from '../core/conditions.js';
import type { TrainConfig } from '../core/config.js';
import { forecastCache } from './cache-size.js';
import type { PlanBasis } from './plan-basis.js';
import { cachedDepth, type PlanHistory } from './plan-history.js';
import type { PlanRequest } from './planned.js';

/**
 * What reducing a gradient costs next to updating it, when nothing was measured: both stream the same memory, the
 * reduction without arithmetic.
 */
const REDUCE_TO_UPDATE = 0.5;

export type OpenInput = Omit<PlannerInput, 'fixedK' | 'fixedR' | 'maxK' | 'memoryLimit'>;

export function plannerInput(
  basis: PlanBasis,
  history: PlanHistory | null,
  request: PlanRequest,
  usesCache: boolean,
): OpenInput {
  const { frozen, epochsLeft } = request;
  const { config, costs, microBatch, numMicroBatches, rates, crew } = basis;
  const forecast = frozen === 0 ? null : forecastCache(basis, frozen, epochsLeft, cachedDepth(history));
  return {
    costs,
    frozen,
    workers: crew.workers.length,
    slowness: crew.workers.map(crew.slownessOf),
    numMicroBatches,
    microBatch,
    usesCache,
    recompute: parseRecompute(config.recompute),
    recomputeLimit: crew.memoryLimit,
    cacheReadMs: forecast === null ? 0 : forecast.averageMs * microBatch,
    schedule: basis.schedule,
    // A run that goes on with frozen layers may have had another shape than at its start.
    mayChangeSchedule: history !== null || frozen > 0,
    partition: config.partition,
    updateMsPerMB: rates.updateMsPerMb,
    reduceMsPerMB: rates.updateMsPerMb * REDUCE_TO_UPDATE,
    ...rates.handover,
  };
}

/** The best choice under a limit, or the best of all where none respects it. */
export function chooseWithin(memoryLimit: number, input: Omit<PlannerInput, 'memoryLimit'>): PipelineChoice {
  try {
    return choosePipeline({ ...input, memoryLimit });
  } catch (error) {
    if (!isOverMemoryLimit(error)) throw error;
    return choosePipeline({ ...input, memoryLimit: null });
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
