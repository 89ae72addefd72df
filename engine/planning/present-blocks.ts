// PresentBlocks: a model that is not whole yet as the planner sees it: the blocks that are there, one behind the other,
// and its answer in the numbers of the whole model again. Pure; it chooses nothing.
import type { BlockCost } from '../../pipeline/costs.js';
import { present } from '../core/invariant.js';
import type { PlannedGrowth } from '../core/plan.js';

type Absence = Pick<PlannedGrowth, 'absent'> | undefined;

/** The costs of the blocks that are there. */
export function presentCosts(costs: readonly BlockCost[], growth: Absence): readonly BlockCost[] {
  if (growth === undefined || growth.absent.length === 0) return costs;
  const absent = new Set(growth.absent);
  return costs.filter((_, block) => !absent.has(block));
}

/**
 * First blocks of stages, counted among those that are there, in the numbers of the whole model. Each is there; what is
 * absent below it belongs to the stage before.
 */
export function wholeCuts(cuts: readonly number[], numBlocks: number, growth: Absence): readonly number[] {
  if (growth === undefined || growth.absent.length === 0) return cuts;
  const absent = new Set(growth.absent);
  const there = Array.from({ length: numBlocks }, (_, block) => block).filter((block) => !absent.has(block));
  return cuts.map((cut) => present(there[cut], 'first block of a stage'));
}
