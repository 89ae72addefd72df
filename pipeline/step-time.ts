// Step time: what a step takes in a shape that is given, from the costs of the blocks and the rates of the machine. It
// knows no limits and looks for nothing: the best partition of a candidate is in candidate.ts.
import { present } from '../engine/core/invariant.js';
import type { MachineRates, ModelCosts, PipelineChoice, PlannerInput } from './choice.js';
import { type BlockCost, type RunCost, sumCosts } from './costs.js';
import { type Cuts, runsOf } from './partition.js';
import { withRecompute } from './recompute.js';
import { actionsOf, type Schedule, splitsBackward, workersByStage } from './schedule.js';
import { drawSchedule } from './schedules/registry.js';
import { simulate, type StageTimes } from './simulate.js';

/** What stage 0 spends per micro-batch on the frozen prefix. */
export const prefixMs = ({ costs, frozen, cacheReadMs }: ModelCosts): number => {
  if (frozen === 0) return 0;
  return cacheReadMs ?? sumCosts(costs, 0, frozen).forwardMs;
};

/**
 * The predicted step of a shape as it is, with the costs of `input`; `extraMs` is what stage 0 spends per micro-batch
 * besides its blocks.
 */
export function stepMsOf(
  { model, rates }: Pick<PlannerInput, 'model' | 'rates'>,
  shape: Pick<PipelineChoice, 'K' | 'ranges' | 'cuts' | 'schedule' | 'microBatches' | 'recompute' | 'slowness'>,
  extraMs = prefixMs(model),
): number {
  const { cuts } = shape;
  const schedule = drawSchedule(shape.schedule, shape.K, shape.microBatches);
  const { pipelineMs, afterMs } = timeStep({
    costs: withRecompute(model.costs, runsOf(cuts, model.costs.length), shape.recompute),
    cuts,
    schedule,
    replicas: shape.ranges.length,
    extraMs,
    slownessOf: slownessByStage(schedule, shape.slowness),
    rates,
  });
  return pipelineMs + afterMs;
}

export interface TimedShape {
  readonly costs: readonly BlockCost[];
  readonly cuts: Cuts;
  /** The schedule of the replica with most micro-batches. */
  readonly schedule: Schedule;
  readonly replicas: number;
  /** Spent on stage 0 per micro-batch besides its blocks. */
  readonly extraMs: number;
  /** How many times as long as the costs say a stage takes. Default: 1. */
  readonly slownessOf?: (stage: number) => number;
  readonly rates: MachineRates;
}

export interface StepTime {
  /** From the first forward to the last backward. */
  readonly pipelineMs: number;
  /** Gradient exchange and update of the slowest worker. */
  readonly afterMs: number;
  /** The exchange in it. */
  readonly exchangeMs: number;
  /** Per worker, the time it computes in the pipeline. */
  readonly busyMs: readonly number[];
  /** Idle share of the pipeline's workers during `pipelineMs`. */
  readonly bubble: number;
}

/** The time of a step in a given shape. */
export function timeStep(shape: TimedShape): StepTime {
  const { costs, cuts, schedule, replicas, rates } = shape;
  const { updateMsPerMB, reduceMsPerMB, handlingMs = 0 } = rates;
  const runs = runsOf(cuts, costs.length).map(({ from, to }) => sumCosts(costs, from, to));
  const times = stageTimes(shape, runs);
  const { totalMs, bubbleShare, busyMs } = simulate(schedule, times, schedule.workers.length > 1 ? handlingMs : 0);
  // Every replica sends and receives (R - 1) / R of a gradient in each of the two halves; the unit is R = 2.
  const exchange = (2 * (replicas - 1)) / replicas;
  const workerOf = workersByStage(schedule);
  const perWorker = (bytesOf: (run: RunCost) => number): number[] =>
    schedule.workers.map((_, worker) =>
      runs.reduce((sum, run, stage) => sum + (workerOf[stage] === worker ? bytesOf(run) / 1e6 : 0), 0),
    );
  const exchangeMs = perWorker(({ gradientBytes }) => gradientBytes).map(
    (megabytes) => megabytes * reduceMsPerMB * exchange,
  );
  const afterMs = perWorker(({ parameterBytes }) => parameterBytes).map(
    (megabytes, worker) => megabytes * updateMsPerMB + present(exchangeMs[worker], 'exchange'),
  );
  return {
    pipelineMs: totalMs,
    afterMs: Math.max(...afterMs),
    exchangeMs: Math.max(...exchangeMs),
    busyMs,
    bubble: bubbleShare,
  };
}

/** What every stage takes for a micro-batch where it sits; `runs` are the costs of their blocks. */
function stageTimes(
  { schedule, extraMs, slownessOf = () => 1, rates }: TimedShape,
  runs: readonly RunCost[],
): StageTimes[] {
  const { transferMsPerMB = 0, handoverMs = 0 } = rates;
  const splits = runs.map((_, stage) => splitsBackward(actionsOf(schedule, stage)));
  return runs.map(({ forwardMs, backwardMs, inputGradientMs, weightGradientMs, outputBytes }, stage) => ({
    forwardMs: slownessOf(stage) * (forwardMs + (stage === 0 ? extraMs : 0)),
    // Nobody wants the input gradient of stage 0: all of its backward is left to W.
    backwardMs:
      slownessOf(stage) * (splits[stage] === true && stage > 0 ? inputGradientMs + weightGradientMs : backwardMs),
    inputGradientMs: stage > 0 ? slownessOf(stage) * inputGradientMs : 0,
    // Upstream goes a gradient as large as the activation that came down; the larger of the two borders stands for
    // both.
    transferMs:
      handoverMs +
      (Math.max(
        stage === runs.length - 1 ? 0 : outputBytes,
        stage === 0 ? 0 : present(runs[stage - 1], 'stage').outputBytes,
      ) /
        1e6) *
        transferMsPerMB,
  }));
}

/** Slowness by stage, from that by place; a place that is not named is as fast as the costs say. */
export function slownessByStage(schedule: Schedule, slowness: readonly number[]): (stage: number) => number {
  const placeOf = workersByStage(schedule);
  return (stage) => slowness[present(placeOf[stage], 'place')] ?? 1;
}
