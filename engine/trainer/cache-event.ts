// The event that says whether a plan caches, what a record of the cache takes, and why. Pure.
import type { BlockCost } from '../../pipeline/costs.js';
import { present } from '../core/invariant.js';
import type { Plan } from '../core/plan.js';
import { countIds } from '../data/dataset.js';
import type { RunEventBody } from '../events/events.js';
import type { RunSetup } from '../run/run-setup.js';

export function cacheEvent(
  { dataset, microBatch }: RunSetup,
  costs: readonly BlockCost[],
  { frozen, usesCache }: Plan,
  step: number,
  reason: string,
): Extract<RunEventBody, { type: 'cache.changed' }> {
  const recordBytes = present(costs[frozen - 1], 'cost').outputBytes / microBatch;
  const capacity = usesCache ? countIds(dataset) : 0;
  return { type: 'cache.changed', step, state: usesCache ? 'on' : 'off', depth: frozen, recordBytes, capacity, reason };
}
