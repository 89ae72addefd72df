// PlanCache: whether a plan caches, and what samples then cost. From settings and measured rates; whether a record is
// worth its place is decided in cache/admission.ts.
import { shouldCache } from '../../cache/admission.js';
import { codecOf } from '../../cache/codec.js';
import { sumCosts } from '../../pipeline/costs.js';
import { isPrefixFixed } from '../core/plan.js';
import { expectedReads } from './cache-reads.js';
import { cacheSize, forecastCache } from './cache-size.js';
import type { PlanBasis } from './plan-basis.js';
import { cachedDepth, type PlanHistory } from './plan-history.js';
import type { PlanRequest } from './planned.js';

export interface CacheDecision {
  readonly isOn: boolean;
  readonly reason: string;
}

/** Whether outputs of the frozen blocks are kept from now on. */
export function admitCache(
  basis: PlanBasis,
  history: PlanHistory | null,
  { frozen, epochsLeft }: PlanRequest,
): CacheDecision {
  const { config, costs, microBatch, reads } = basis;
  if (frozen === 0) return { isOn: false, reason: 'nothing is frozen' };
  if (!isPrefixFixed(basis, frozen))
    return {
      isOn: false,
      reason: 'a parameter of the frozen blocks is shared with one that trains, and changes at every step',
    };
  if (config.cache === 'off') return { isOn: false, reason: 'switched off by --cache off' };
  if (reads.numViews === null)
    return {
      isOn: false,
      reason:
        'every epoch augments the samples anew, so that nothing comes twice; --views K makes K fixed views of each',
    };
  const { recordBytes, capBytes, readMs } = cacheSize(basis, frozen);
  const forwardMs = (depth: number): number => sumCosts(costs, 0, depth).forwardMs / microBatch;
  const before = cachedDepth(history);
  const inherits = before !== null && (before === frozen || (before < frozen && codecOf(config.cacheCodec).isExact));
  return shouldCache({
    recomputeMs: forwardMs(frozen),
    readMs,
    writeMs: before === frozen ? 0 : readMs,
    expectedReads: expectedReads(reads, epochsLeft),
    inheritedMs: inherits ? forwardMs(before) - cacheSize(basis, before).readMs : 0,
    recordBytes,
    numSamples: reads.numSamples,
    capBytes,
  });
}

/**
 * Milliseconds that stage 0 is predicted to spend per micro-batch on the frozen prefix under the current plan, while
 * its cache fills or afterwards.
 */
export function prefixMs(
  basis: PlanBasis,
  current: PlanHistory['current'],
  request: PlanRequest,
  fills: boolean,
): number {
  const { costs, microBatch } = basis;
  if (request.frozen === 0) return 0;
  if (!current.usesCache) return sumCosts(costs, 0, request.frozen).forwardMs;
  const { fillMs, steadyMs } = forecastCache(basis, request.frozen, request.epochsLeft, current.previousCacheDepth);
  return microBatch * (fills ? fillMs : steadyMs);
}
