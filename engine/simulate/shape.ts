// SimulatedShape: who does what at one frozen depth, by the rules of the paper or by ours, and what a step of it takes.
// The rules are those of pipeline/; here they are given a cluster instead of workers.
import { type BlockCost, stageMemory } from '../../pipeline/costs.js';
import { compressPipeline, loadBalance, paperChunks, stageLoads } from '../../pipeline/paper-partition.js';
import { type Cuts, runsOf } from '../../pipeline/partition.js';
import { choosePipeline, type PipelineChoice, type RejectedChoice } from '../../pipeline/planner.js';
import { drawSchedule, makeSchedule, type ScheduleSource } from '../../pipeline/schedules/registry.js';
import { peakLive } from '../../pipeline/simulate.js';
import { type StepTime, timeStep } from '../../pipeline/step-time.js';
import { PipetrainError } from '../core/errors.js';
import { present } from '../core/invariant.js';
import { deviceCount, type HardwareProfile, linkSpeeds, usableBytes } from './hardware.js';
import { simulatedCosts, type SimulatedModel } from './model.js';

export interface SimulatedShape {
  readonly K: number;
  readonly R: number;
  /** Micro-batches per replica and step, and samples in each. */
  readonly micros: number;
  readonly microBatch: number;
  /** Samples per step over all replicas. */
  readonly batch: number;
  readonly schedule: ScheduleSource;
  readonly cuts: Cuts;
  /** Active blocks per stage. */
  readonly blocksPerStage: readonly number[];
  readonly memoryPerWorker: readonly number[];
  readonly costs: readonly BlockCost[];
  readonly reason: string;
  readonly rejected: readonly RejectedChoice[];
}

/**
 * The longest pipeline our planner is offered: more stages than this never paid for the models here, and the search
 * grows with the square.
 */
export const LONGEST_PIPELINE = 16;

/**
 * Passes of an optimizer over its memory: gradient, parameter and every state are read, all but the gradient written.
 */
const updateMsPerMB = (model: SimulatedModel, { memoryGBs }: HardwareProfile): number =>
  (3 + 2 * model.optimizerStates) / memoryGBs;

export interface OurRequest {
  readonly model: SimulatedModel;
  readonly hardware: HardwareProfile;
  readonly frozen: number;
  /** Samples per step, and per micro-batch; both fixed for a run. */
  readonly batch: number;
  readonly microBatch: number;
  /** Reading a micro-batch of the frozen output from the cache, or null without a cache. */
  readonly cacheReadMs: number | null;
  readonly fixedK: number | null;
  readonly maxK: number | null;
}

/** The choice of our planner. Throws its UsageError where nothing fits. */
export function ourShape(request: OurRequest): SimulatedShape {
  const { model, hardware, frozen, batch, microBatch, fixedK, maxK } = request;
  const costs = simulatedCosts(model, hardware, microBatch);
  const longest = fixedK ?? Math.min(deviceCount(hardware), costs.length - frozen, maxK ?? Infinity, LONGEST_PIPELINE);
  const choices: PipelineChoice[] = [];
  const impossible: RejectedChoice[] = [];
  let failure: unknown = null;
  for (let K = fixedK ?? 1; K <= longest; K++) {
    try {
      choices.push(choiceOf(request, costs, K));
    } catch (error) {
      if (!(error instanceof PipetrainError)) throw error;
      failure ??= error;
      impossible.push({ K, R: Math.floor(deviceCount(hardware) / K), predictedStepMs: null, why: error.message });
    }
  }
  // Stable: of equally fast ones the shorter pipeline stays first.
  const [best, ...others] = choices.toSorted((a, b) => a.predictedStepMs - b.predictedStepMs);
  if (best === undefined) throw failure;
  const slower = others.map(({ K, R, predictedStepMs }) => ({
    K,
    R,
    predictedStepMs,
    why: `${((predictedStepMs / best.predictedStepMs - 1) * 100).toFixed(1)} % slower`,
  }));
  return {
    K: best.K,
    R: best.R,
    micros: best.microBatches,
    microBatch,
    batch,
    schedule: best.schedule,
    cuts: best.cuts,
    blocksPerStage: countsOf(best.cuts, costs.length),
    memoryPerWorker: best.memoryPerWorker,
    costs,
    reason: best.reason,
    rejected: [...slower, ...best.rejected, ...impossible],
  };
}

/** What the planner makes of pipelines of K stages. */
function choiceOf(request: OurRequest, costs: readonly BlockCost[], K: number): PipelineChoice {
  const { model, hardware, frozen, batch, microBatch, cacheReadMs } = request;
  return choosePipeline({
    model: { costs, frozen, cacheReadMs },
    crew: { workers: deviceCount(hardware) },
    batch: { numMicroBatches: Math.floor(batch / microBatch), microBatch },
    memory: { limit: usableBytes(hardware) },
    rates: { updateMsPerMB: updateMsPerMB(model, hardware), ...linkSpeeds(hardware, K) },
    shape: { fixedK: K, fixedR: null, maxK: null, replicaCounts: 'halvings' },
    rules: { schedule: 'auto', partition: 'exact' },
  });
}

export interface PaperRequest {
  readonly model: SimulatedModel;
  readonly hardware: HardwareProfile;
  readonly frozen: number;
  /** Samples per step of one pipeline, which stays while pipelines are added. */
  readonly pipelineBatch: number;
}

/**
 * The shape by the rules of the paper: pipelines inside a machine, as long as it has devices at first; greedy balance
 * of parameters; halved while the largest load stays within that of the beginning; micro-batches by the table; GPipe.
 * Stages that the balance leaves empty are kept: they pass on what they get.
 */
export function paperShape({ model, hardware, frozen, pipelineBatch }: PaperRequest): SimulatedShape {
  const { machines, perMachine } = hardware;
  const parameters = model.blocks.map((block) => block.parameters);
  const limit = Math.max(...stageLoads(parameters, loadBalance(parameters, perMachine)));
  const active = parameters.slice(frozen);
  const K = frozen === 0 ? perMachine : compressPipeline(active, perMachine, limit);
  const counts = loadBalance(active, K);
  let at = frozen;
  const cuts = counts.map((count) => (at += count) - count);
  const micros = paperChunks(K);
  const microBatch = pipelineBatch / micros;
  const costs = simulatedCosts(model, hardware, microBatch);
  const R = machines * Math.floor(perMachine / K);
  const live = makeSchedule('gpipe', K, micros).workers.map(peakLive);
  const memoryPerWorker = runsOf(cuts, costs.length).map(({ from, to }, stage) =>
    stageMemory(costs, from, to, present(live[stage], 'live'), { frozen: stage === 0 ? frozen : 0 }),
  );
  const load = Math.max(...stageLoads(active, counts));
  const empty = counts.filter((count) => count === 0).length;
  return {
    K,
    R,
    micros,
    microBatch,
    batch: pipelineBatch * R,
    schedule: 'gpipe',
    cuts,
    blocksPerStage: counts,
    memoryPerWorker,
    costs,
    reason:
      `the largest load of ${K} ${K === 1 ? 'stage' : 'stages'} is ${(load / 1e6).toFixed(2)} M parameters, ` +
      `the limit is ${(limit / 1e6).toFixed(2)} M${empty === 0 ? '' : `; ${empty} of ${K} stages are empty`}`,
    rejected: [],
  };
}

const countsOf = (cuts: Cuts, numBlocks: number): number[] => runsOf(cuts, numBlocks).map(({ from, to }) => to - from);

/** The step of a shape, with `extraMs` per micro-batch on stage 0. */
export function shapeTime(
  model: SimulatedModel,
  hardware: HardwareProfile,
  shape: SimulatedShape,
  extraMs: number,
): StepTime {
  const { costs, cuts, schedule, K, R, micros } = shape;
  return timeStep({
    costs,
    cuts,
    schedule: drawSchedule(schedule, K, micros),
    replicas: R,
    extraMs,
    rates: { updateMsPerMB: updateMsPerMB(model, hardware), ...linkSpeeds(hardware, K) },
  });
}
