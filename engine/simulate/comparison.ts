// SimulatedComparison: one training under both sets of rules, taken apart: what plain data parallelism alone is worth
// against the pipeline that the paper compares with, and what freezing, repartitioning and caching add.
import { alphaFreeze } from '../../freeze/alpha.js';
import { noFreeze } from '../../freeze/none.js';
import { type SimulatedRun, simulateTraining, type SimulationOptions } from './simulator.js';

export interface SimulatedVariant {
  readonly name: string;
  readonly run: SimulatedRun;
  /** Over the baseline, in steps alone and with transitions. */
  readonly speedup: number;
  readonly speedupWithTransitions: number;
}

export interface SimulatedComparison {
  /** The first one is the baseline. */
  readonly variants: readonly SimulatedVariant[];
  /** Data parallelism without freezing over the baseline: what no freezing system can claim as its own. */
  readonly weakBaseline: number;
  /** The best of ours over that data parallelism. */
  readonly ownGain: number;
}

export const VARIANTS = {
  baseline: 'pipeline + data parallel, no freezing (baseline)',
  dataParallel: 'data parallel alone, no freezing',
  paper: "paper's rules, no cache",
  paperCached: "paper's rules, cache",
  ours: 'pipetrain, no cache',
  oursCached: 'pipetrain, cache',
} as const;

type Common = Omit<SimulationOptions, 'rules' | 'freeze' | 'usesCache' | 'fixedK'>;

/**
 * Simulates all variants at one alpha; `usesCache: false` leaves the cached ones out. `pipeline` is the length ours
 * must keep, or null.
 */
export function compareRules(
  common: Common,
  alpha: number,
  usesCache: boolean,
  pipeline: number | null = null,
): SimulatedComparison {
  const freeze = alphaFreeze(alpha);
  const ours = { ...common, rules: 'pipetrain', fixedK: pipeline } as const;
  const paper = { ...common, rules: 'paper', fixedK: null } as const;
  const runs: [string, SimulatedRun][] = [
    [VARIANTS.baseline, simulateTraining({ ...paper, freeze: noFreeze, usesCache: false })],
    [VARIANTS.dataParallel, simulateTraining({ ...ours, fixedK: 1, freeze: noFreeze, usesCache: false })],
    [VARIANTS.paper, simulateTraining({ ...paper, freeze, usesCache: false })],
    ...(usesCache
      ? [[VARIANTS.paperCached, simulateTraining({ ...paper, freeze, usesCache: true })] as [string, SimulatedRun]]
      : []),
    [VARIANTS.ours, simulateTraining({ ...ours, freeze, usesCache: false })],
    ...(usesCache
      ? [[VARIANTS.oursCached, simulateTraining({ ...ours, freeze, usesCache: true })] as [string, SimulatedRun]]
      : []),
  ];
  const total = ({ computeSeconds, transitionSeconds }: SimulatedRun): number => computeSeconds + transitionSeconds;
  const baseline = runs[0]?.[1] as SimulatedRun;
  const variants = runs.map(([name, run]) => ({
    name,
    run,
    speedup: baseline.computeSeconds / run.computeSeconds,
    speedupWithTransitions: total(baseline) / total(run),
  }));
  const speedupOf = (name: string): number => variants.find((variant) => variant.name === name)?.speedup ?? 1;
  const weakBaseline = speedupOf(VARIANTS.dataParallel);
  return {
    variants,
    weakBaseline,
    ownGain: Math.max(speedupOf(VARIANTS.ours), speedupOf(VARIANTS.oursCached)) / weakBaseline,
  };
}
