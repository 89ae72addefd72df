// Prediction: what one candidate shape (K, R, M, schedule) would take, from the costs of the blocks. Not the choice
// between candidates: that is planner.ts.
import { present } from '../engine/core/invariant.js';
import type { PipelineChoice, PlannerInput } from './choice.js';
import { type BlockCost, type RunCost, stageMemory, sumCosts } from './costs.js';
import { paperPartition } from './paper-partition.js';
import { type Cuts, exactPartition, runsOf } from './partition.js';
import { recomputeMs, recomputes, withRecompute } from './recompute.js';
import { actionsOf, type Schedule, splitsBackward, workersByStage } from './schedule.js';
import { requireMemory } from './schedule-memory.js';
import { drawSchedule, type ScheduleSource } from './schedules/registry.js';
import { peakLive, simulate } from './simulate.js';

export interface Prediction {
  readonly schedule: ScheduleSource;
  /** M. */
  readonly micros: number;
  readonly cuts: Cuts;
  readonly stepMs: number;
  readonly bubble: number;
  readonly memoryPerWorker: readonly number[];
  /** Per stage, whether it recomputes its forward. */
  readonly recompute: readonly boolean[];
}

/** The candidate does not fit: the worker that holds most, in its best partition without a limit, needs so much. */
export interface Misfit {
  readonly needBytes: number;
}

/** What stage 0 spends per micro-batch on the frozen prefix. */
export const prefixMs = ({
  costs,
  frozen,
  usesCache,
  cacheReadMs,
}: Pick<PlannerInput, 'costs' | 'frozen' | 'usesCache' | 'cacheReadMs'>): number => {
  if (frozen === 0) return 0;
  return usesCache ? cacheReadMs : sumCosts(costs, 0, frozen).forwardMs;
};

/**
 * Step time = simulated schedule of a replica with M micro-batches + the slowest worker's gradient reduction and
 * update. `counts` are the micro-batches of every replica, `slowness` that of every place of a pipeline. Throws a
 * PartitionError where the stages cannot be filled, a ScheduleError where the schedule does not exist for these sizes,
 * or where one of somebody's own takes a worker over the limit: with the action that does in brackets.
 */
export function predict(
  input: PlannerInput,
  K: number,
  counts: readonly number[],
  source: ScheduleSource,
  slowness: readonly number[] = [],
): Prediction | Misfit {
  const { costs, frozen, memoryLimit, transferMsPerMB = 0, recompute: mode = 'off', recomputeLimit = null } = input;
  const micros = Math.max(...counts);
  for (const count of new Set(counts)) drawSchedule(source, K, count);
  const schedule = drawSchedule(source, K, micros);
  const { stages } = schedule;
  // Several stages of a worker share its memory evenly; what they really need together is checked below.
  const shareOf = (limit: number | null): number | null => (limit === null ? null : limit / (stages / K));
  const workerOf = workersByStage(schedule);
  const actions = Array.from({ length: stages }, (_, stage) => actionsOf(schedule, stage));
  const live = actions.map(peakLive);
  const splits = actions.map(splitsBackward);
  const liveOf = (stage: number): number => present(live[stage], 'live micro-batches');
  const slownessOf = slownessByStage(schedule, slowness);
  const bytesOf = (stage: number, from: number, to: number, isRecomputed: boolean): number =>
    stageMemory(costs, from, to, liveOf(stage), stage === 0 ? frozen : 0, isRecomputed, splits[stage]);
  const isRecomputed = (stage: number, from: number, to: number): boolean =>
    recomputes({
      mode,
      stage,
      live: liveOf(stage),
      plainBytes: bytesOf(stage, from, to, false),
      limit: shareOf(recomputeLimit),
    });
  const memoryOf = (stage: number, from: number, to: number): number =>
    bytesOf(stage, from, to, isRecomputed(stage, from, to));
  const repeatMsOf = (stage: number, from: number, to: number): number =>
    isRecomputed(stage, from, to) ? recomputeMs(costs, from, to) : 0;
  const extraMs = prefixMs(input);
  const memoryOfCuts = (cuts: Cuts): number[] => {
    const perWorker = new Array<number>(K).fill(0);
    for (const [stage, { from, to }] of runsOf(cuts, costs.length).entries()) {
      const worker = present(workerOf[stage], 'worker');
      perWorker[worker] = present(perWorker[worker], 'memory') + memoryOf(stage, from, to);
    }
    return perWorker;
  };

  const cutsUnder = (limit: number | null): Cuts | null =>
    input.partition === 'paper'
      ? paperPartition(costs, frozen, stages)
      : exactPartition({ costs, frozen, stages, extraMs, memoryLimit: limit, memoryOf, repeatMsOf, slownessOf });
  const cuts = cutsUnder(shareOf(memoryLimit));
  const needBytes = Math.max(...memoryOfCuts(cuts ?? present(cutsUnder(null), 'a partition without a limit')));
  if (cuts === null || (memoryLimit !== null && needBytes > memoryLimit)) {
    if (typeof source !== 'string' && memoryLimit !== null) {
      const least = runsOf(present(cutsUnder(null), 'a partition without a limit'), costs.length);
      const heldAt = (stage: number, from: number, to: number, count: number): number =>
        stageMemory(costs, from, to, count, stage === 0 ? frozen : 0, isRecomputed(stage, from, to), splits[stage]);
      requireMemory(
        schedule,
        least.map(({ from, to }, stage) => ({
          state: heldAt(stage, from, to, 0),
          perMicro: heldAt(stage, from, to, 1) - heldAt(stage, from, to, 0),
        })),
        memoryLimit,
      );
    }
    return { needBytes };
  }

  const runs = runsOf(cuts, costs.length);
  const recompute = runs.map(({ from, to }, stage) => isRecomputed(stage, from, to));
  const { pipelineMs, afterMs, bubble } = timeStep({
    costs: withRecompute(costs, runs, recompute),
    cuts,
    schedule,
    replicas: counts.length,
    extraMs,
    slownessOf,
    transferMsPerMB,
    handoverMs: input.handoverMs,
    handlingMs: input.handlingMs,
    updateMsPerMB: input.updateMsPerMB,
    reduceMsPerMB: input.reduceMsPerMB,
  });
  return {
    schedule: source,
    micros,
    cuts,
    stepMs: pipelineMs + afterMs,
    bubble,
    memoryPerWorker: memoryOfCuts(cuts),
    recompute,
  };
}

/**
 * The predicted step of a shape as it is, with the costs of `input`; `extraMs` is what stage 0 spends per micro-batch
 * besides its blocks.
 */
export function stepMsOf(
  input: Pick<
    PlannerInput,
    | 'costs'
    | 'frozen'
    | 'usesCache'
    | 'cacheReadMs'
    | 'transferMsPerMB'
    | 'handoverMs'
    | 'handlingMs'
    | 'updateMsPerMB'
    | 'reduceMsPerMB'
  >,
  {
    K,
    ranges,
    cuts,
    schedule: source,
    microBatches,
    recompute,
    slowness,
  }: Pick<PipelineChoice, 'K' | 'ranges' | 'cuts' | 'schedule' | 'microBatches' | 'recompute' | 'slowness'>,
  extraMs = prefixMs(input),
): number {
  const { costs, transferMsPerMB = 0, handoverMs, handlingMs, updateMsPerMB, reduceMsPerMB } = input;
  const runs = runsOf(cuts, costs.length);
  const schedule = drawSchedule(source, K, microBatches);
  const { pipelineMs, afterMs } = timeStep({
    costs: withRecompute(costs, runs, recompute),
    cuts,
    schedule,
    slownessOf: slownessByStage(schedule, slowness),
    replicas: ranges.length,
    extraMs,
    transferMsPerMB,
    handoverMs,
    handlingMs,
    updateMsPerMB,
    reduceMsPerMB,
  });
  return pipelineMs + afterMs;
}

export interface StepInput {
  readonly costs: readonly BlockCost[];
  readonly cuts: Cuts;
  /** The schedule of the replica with most micro-batches. */
  readonly schedule: Schedule;
  readonly replicas: number;
  /** Spent on stage 0 per micro-batch besides its blocks. */
  readonly extraMs: number;
  /** How many times as long as the costs say a stage takes. Default: 1. */
  readonly slownessOf?: (stage: number) => number;
  readonly transferMsPerMB: number;
  /** As in PlannerInput. */
  readonly handoverMs?: number | undefined;
  readonly handlingMs?: number | undefined;
  readonly updateMsPerMB: number;
  readonly reduceMsPerMB: number;
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
export function timeStep({
  costs,
  cuts,
  schedule,
  replicas,
  extraMs,
  slownessOf = () => 1,
  transferMsPerMB,
  handoverMs = 0,
  handlingMs = 0,
  updateMsPerMB,
  reduceMsPerMB,
}: StepInput): StepTime {
  const runs = runsOf(cuts, costs.length).map(({ from, to }) => sumCosts(costs, from, to));
  const splits = runs.map((_, stage) => splitsBackward(actionsOf(schedule, stage)));
  const times = runs.map(({ forwardMs, backwardMs, inputGradientMs, weightGradientMs, outputBytes }, stage) => ({
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

/** Slowness by stage, from that by place; a place that is not named is as fast as the costs say. */
function slownessByStage(schedule: Schedule, slowness: readonly number[]): (stage: number) => number {
  const placeOf = workersByStage(schedule);
  return (stage) => slowness[present(placeOf[stage], 'place')] ?? 1;
}
