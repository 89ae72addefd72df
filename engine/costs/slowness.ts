// Slowness: how many times as long as the measured costs a worker of another host takes. Pure; who measures it is
// worker.ts, what follows from it is pipeline/unequal.ts.
import { type BlockCost, sumCosts } from '../../pipeline/costs.js';

/** Times as much, up or down, that measurements of equally fast workers differ by. */
const NOISE = 1.2;

/**
 * `computeMs` is what the worker takes for a micro-batch through the whole model, forward and backward, or null where
 * it is as fast as those that measured.
 */
export function slownessOf(computeMs: number | null, costs: readonly BlockCost[]): number {
  const { forwardMs, backwardMs } = sumCosts(costs, 0, costs.length);
  const measured = forwardMs + backwardMs;
  if (computeMs === null || !(computeMs > 0) || !(measured > 0)) return 1;
  const slowness = computeMs / measured;
  return slowness < NOISE && slowness > 1 / NOISE ? 1 : slowness;
}
