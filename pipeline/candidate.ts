// Prediction: the best that one candidate shape (K, R, M, schedule) can do, from the costs of blocks. Not the choice
// between candidates: that is planner.ts.
import { present } from '../engine/core/invariant.js';
import type { PlannerInput } from './choice.js';
import { paperPartition } from './paper-partition.js';
import { type Cuts, exactPartition, runsOf } from './partition.js';
import { withRecompute } from './recompute.js';
import type { Schedule } from './schedule.js';
import { requireMemory } from './schedule-memory.js';
import { drawSchedule, type ScheduleSource } from './schedules/registry.js';
import { memoryShare, type StageNeeds, stageNeeds } from './stage-needs.js';
import { prefixMs, slownessByStage, timeStep } from './step-time.js';

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
  const { model, memory, rates } = input;
  const micros = Math.max(...counts);
  for (const count of new Set(counts)) drawSchedule(source, K, count);
  const schedule = drawSchedule(source, K, micros);
  const needs = stageNeeds(schedule, model, memory);
  const slownessOf = slownessByStage(schedule, slowness);
  const cutsUnder = (limit: number | null): Cuts | null => bestCuts(input, schedule, needs, slownessOf, limit);
  const leastCuts = (): Cuts => present(cutsUnder(null), 'a partition without a limit');

  const cuts = cutsUnder(memoryShare(memory.limit, schedule));
  const memoryPerWorker = needs.memoryPerWorker(cuts ?? leastCuts());
  const needBytes = Math.max(...memoryPerWorker);
  if (cuts === null || (memory.limit !== null && needBytes > memory.limit)) {
    if (typeof source !== 'string' && memory.limit !== null)
      requireMemory(schedule, needs.bytesOf(leastCuts()), memory.limit);
    return { needBytes };
  }

  const runs = runsOf(cuts, model.costs.length);
  const recompute = runs.map(({ from, to }, stage) => needs.isRecomputed(stage, from, to));
  const { pipelineMs, afterMs, bubble } = timeStep({
    costs: withRecompute(model.costs, runs, recompute),
    cuts,
    schedule,
    replicas: counts.length,
    extraMs: prefixMs(model),
    slownessOf,
    rates,
  });
  return { schedule: source, micros, cuts, stepMs: pipelineMs + afterMs, bubble, memoryPerWorker, recompute };
}

/** The partition by the rule asked for, with at most `limit` bytes a stage; null where none respects that. */
function bestCuts(
  { model, rules }: PlannerInput,
  { stages }: Schedule,
  { memoryOf, repeatMsOf }: StageNeeds,
  slownessOf: (stage: number) => number,
  memoryLimit: number | null,
): Cuts | null {
  const { costs, frozen } = model;
  if (rules.partition === 'paper') return paperPartition(costs, frozen, stages);
  const extraMs = prefixMs(model);
  return exactPartition({ costs, frozen, stages, extraMs, memoryLimit, memoryOf, repeatMsOf, slownessOf });
}
