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

type Common = Omit<SimulationOptions, 'rules' | 'freeze' | 'fixedK'>;

/**
 * Simulates all variants at one alpha; without bytes of cache the cached ones are left out. `pipeline` is the length
 * ours must keep, or null.
 */
export function compareRules(common: Common, alpha: number, pipeline: number | null = null): SimulatedComparison {
  const usesCache = common.cacheBytes !== null;
  const freeze = alphaFreeze(alpha);
  const ours = { ...common, rules: 'pipetrain', fixedK: pipeline } as const;
  const paper = { ...common, rules: 'paper', fixedK: null } as const;
  const runs: [string, SimulatedRun][] = [
    [VARIANTS.baseline, simulateTraining({ ...paper, freeze: noFreeze, cacheBytes: null })],
    [VARIANTS.dataParallel, simulateTraining({ ...ours, fixedK: 1, freeze: noFreeze, cacheBytes: null })],
    [VARIANTS.paper, simulateTraining({ ...paper, freeze, cacheBytes: null })],
    ...(usesCache ? [[VARIANTS.paperCached, simulateTraining({ ...paper, freeze })] as [string, SimulatedRun]] : []),
    [VARIANTS.ours, simulateTraining({ ...ours, freeze, cacheBytes: null })],
    ...(usesCache ? [[VARIANTS.oursCached, simulateTraining({ ...ours, freeze })] as [string, SimulatedRun]] : []),
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
