// From a chosen shape to a plan: seats, sources of state, the event that tells it, and the history with it. It chooses
// nothing but who sits where.
import type { PipelineChoice } from '../../pipeline/choice.js';
import { showGrid } from '../../pipeline/grid.js';
import { type Schedule, workersByStage } from '../../pipeline/schedule.js';
import { drawSchedule, scheduleName } from '../../pipeline/schedules/registry.js';
import { stepMsOf } from '../../pipeline/step-time.js';
import { present } from '../core/invariant.js';
import { type Plan, seatOf } from '../core/plan.js';
import { asPlanned } from '../protocol/plan-schedule.js';
import { forecastCache } from './cache-size.js';
import type { PlanBasis } from './plan-basis.js';
import type { CacheDecision } from './plan-cache.js';
import { cachedDepth, extended, type PlanHistory } from './plan-history.js';
import type { Planned, PlanRequest } from './planned.js';
import { plannerInput } from './planner-input.js';
import { wholeCuts } from './present-blocks.js';
import { seatWorkers } from './seats.js';

/** The plan of that shape, one generation after the one before. */
export function makePlan(
  basis: PlanBasis,
  history: PlanHistory | null,
  request: PlanRequest,
  choice: PipelineChoice,
  cache: CacheDecision,
): Planned {
  const previous = history?.current ?? null;
  const schedule = drawSchedule(choice.schedule, choice.K, choice.microBatches);
  const numMicroBatches = choice.ranges.reduce((sum, { count }) => sum + count, 0);
  const depth = cachedDepth(history);
  const { growth } = request;
  const numBlocks = basis.costs.length;
  const likes = new Map(growth?.born.map(({ block, like }) => [block, like]));
  const plan: Plan = {
    generation: previous === null ? 0 : previous.generation + 1,
    frozen: request.frozen,
    microBatch: basis.config.batch / numMicroBatches,
    numMicroBatches,
    ...asPlanned(choice.schedule),
    replicas: seatedReplicas(basis, previous, { ...choice, cuts: wholeCuts(choice.cuts, numBlocks, growth) }, schedule),
    usesCache: cache.isOn,
    previousCacheDepth: cache.isOn && depth !== null && depth < request.frozen ? depth : null,
    sources: basis.costs.map((_, block) => (previous === null ? null : sourceOf(previous, likes.get(block) ?? block))),
    frozenBefore: previous?.frozen ?? 0,
    ...(basis.shared === undefined ? {} : { shared: basis.shared }),
    ...(growth === undefined ? {} : { growth }),
    restore: request.restore ?? null,
    reason: `${request.because}: ${choice.reason}${paceClause(basis, choice)}`,
  };
  return {
    plan,
    event: {
      ...madeEvent(plan, request, choice, basis.crew.workers),
      ...(cache.isOn ? cachedSteps(basis, history, request, choice) : {}),
      grid: showGrid(schedule),
    },
    choice,
    cacheReason: cache.reason,
    history: extended(history, plan, choice),
  };
}

/** Workers that have a seat keep it where they can, so that little state moves. */
function seatedReplicas(
  { costs, crew }: PlanBasis,
  previous: Plan | null,
  choice: PipelineChoice,
  schedule: Schedule,
): Plan['replicas'] {
  const rowOf = workersByStage(schedule);
  const seats =
    choice.seats?.map((row) => row.map((worker) => present(crew.workers[worker], 'worker'))) ??
    seatWorkers(previous, crew.workers, choice.K, choice.ranges.length);
  return choice.ranges.map(({ start, count }, replica) => ({
    start,
    count,
    stages: choice.cuts.map((from, stage) => ({
      worker: present(seats[replica]?.[present(rowOf[stage], 'row')], 'seat'),
      from,
      to: choice.cuts[stage + 1] ?? costs.length,
      ...(choice.recompute[stage] === true ? { recompute: true } : {}),
    })),
  }));
}

/** A worker that holds a block under a plan. */
function sourceOf(plan: Plan, block: number): string {
  const stages = present(plan.replicas[0], 'replica 0').stages;
  const stage = block < plan.frozen ? stages[0] : stages.find(({ from, to }) => from <= block && block < to);
  return present(stage, `stage of block ${block}`).worker;
}

/** Who is slower or faster than the others, where the shape regards it. */
function paceClause({ crew }: PlanBasis, { seats }: PipelineChoice): string {
  if (seats === null) return '';
  const unequal = crew.workers.filter((worker) => crew.slownessOf(worker) !== 1);
  const paces = unequal.map(
    (worker) => `${worker} takes ${crew.slownessOf(worker).toFixed(2)} times as long as was measured at the start`,
  );
  return `; ${paces.join(', ')}`;
}

/** Predicted steps while the cache fills and afterwards. */
function cachedSteps(
  basis: PlanBasis,
  history: PlanHistory | null,
  request: PlanRequest,
  choice: PipelineChoice,
): { predictedFillMs: number; predictedReadMs: number } {
  const { fillMs, steadyMs } = forecastCache(basis, request.frozen, request.epochsLeft, cachedDepth(history));
  const input = plannerInput(basis, history, request, true);
  const stepMs = (sampleMs: number): number => stepMsOf(input, choice, sampleMs * basis.microBatch);
  return { predictedFillMs: stepMs(fillMs), predictedReadMs: stepMs(steadyMs) };
}

function madeEvent(
  plan: Plan,
  { frozen, frozenLayers }: PlanRequest,
  choice: PipelineChoice,
  workers: readonly string[],
): Omit<Planned['event'], 'grid'> {
  return {
    type: 'plan.made',
    generation: plan.generation,
    frozen,
    frozenLayers,
    K: choice.K,
    R: choice.R,
    schedule: scheduleName(choice.schedule),
    microBatches: choice.microBatches,
    stages: plan.replicas.flatMap(({ stages }, replica) =>
      stages.map(({ worker, from, to }, stage) => ({ worker, replica, stage, from, to })),
    ),
    idle: workers.filter((worker) => seatOf(plan, worker) === null),
    predictedStepMs: choice.predictedStepMs,
    predictedBubble: choice.predictedBubble,
    usesCache: plan.usesCache,
    ...(plan.growth === undefined
      ? {}
      : { absent: plan.growth.absent, born: plan.growth.born.map(({ block }) => block) }),
    recompute: choice.recompute.flatMap((isRecomputed, stage) => (isRecomputed ? [stage] : [])),
    memoryPerWorker: [...choice.memoryPerWorker],
    reason: plan.reason,
  };
}
