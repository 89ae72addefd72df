// Transitions of a simulated run: what it costs to get from one shape to the next.
import { type BlockCost, stageMemory } from '../../pipeline/costs.js';
import { runsOf } from '../../pipeline/partition.js';
import type { HardwareProfile } from './hardware.js';
import type { SimulatedShape } from './shape.js';

export interface Transition {
  readonly from: Pick<SimulatedShape, 'K' | 'R'>;
  readonly to: SimulatedShape;
  readonly frozenChanged: boolean;
  readonly hardware: HardwareProfile;
}

/**
 * Published logs of the released code on its machines: seconds to load the pipeline, and to rebuild the data-parallel
 * group, by new length.
 */
const PAPER_LOAD: Readonly<Record<number, number>> = { 8: 17.4, 4: 9.3, 2: 7.6 };
const PAPER_REBUILD: Readonly<Record<number, number>> = { 8: 5, 4: 23, 2: 12 };

/**
 * A new pipeline and a new group whenever a layer freezes. Not published for one stage: taken as for two; for other
 * lengths: as for eight.
 */
export function paperTransitionSeconds({ to, frozenChanged }: Transition): number {
  if (!frozenChanged) return 0;
  const key = to.K === 1 ? 2 : to.K in PAPER_LOAD ? to.K : 8;
  return (PAPER_LOAD[key] ?? 0) + (PAPER_REBUILD[key] ?? 0);
}

/**
 * Parameters and optimizer state of the largest stage go to a new worker over the slowest link; a shape that stays
 * moves nothing.
 */
export function ourTransitionSeconds({ from, to, hardware }: Transition): number {
  if (from.K === to.K && from.R === to.R) return 0;
  const bytes = Math.max(...runsOf(to.cuts, to.costs.length).map((run) => stateBytes(to.costs, run)));
  const slowest =
    hardware.machines === 1 ? hardware.linkGBs : Math.min(hardware.linkGBs, hardware.networkGBs / hardware.perMachine);
  return bytes / (slowest * 1e9);
}

const stateBytes = (
  costs: readonly BlockCost[],
  { from, to }: { readonly from: number; readonly to: number },
): number => stageMemory(costs, from, to, 0);
