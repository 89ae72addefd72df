// The planner: picks pipeline length K, replicas R, partition and schedule by predicted step time. A pure function of
// measured costs; it does not know workers by name, and whether a change is worth its transition is the caller's
// question.
import { UsageError } from '../engine/core/errors.js';
import { present } from '../engine/core/invariant.js';
import { predict, type Prediction } from './candidate.js';
import type { MemoryRule, PipelineChoice, PlannerCrew, PlannerInput, RejectedChoice, ScheduleRule } from './choice.js';
import { PartitionError, requireBlocks } from './partition.js';
import type { Schedule } from './schedule.js';
import { ScheduleError } from './schedule-error.js';
import { drawSchedule, scheduleName, SCHEDULES, type ScheduleSource, sizesOf, suits } from './schedules/registry.js';
import { type Placement, placeWorkers } from './unequal.js';

export type { PipelineChoice, PlannerInput, RejectedChoice } from './choice.js';

/** How much faster a schedule must be predicted to be than one that comes before it by name. */
const LEAST_GAIN = 0.01;

interface Candidate {
  readonly K: number;
  readonly R: number;
  readonly placement: Placement;
  readonly prediction: Prediction;
}

/**
 * The fastest choice by prediction. Considered are every K up to the workers, the active blocks and `maxK` (or the
 * fixed one), every R that fits beside it (or the fixed one), and the schedules asked for. Of equally fast ones: the
 * schedule that holds fewer activations, then the shorter pipeline, then fewer replicas. Throws a UsageError
 * (PT_NOT_ENOUGH_WORKERS, PT_TOO_MANY_REPLICAS, PT_MEMORY_LIMIT) or a PartitionError where what is fixed cannot be had
 * or nothing fits.
 */
export function choosePipeline(input: PlannerInput): PipelineChoice {
  checkFixed(input);
  const candidates: Candidate[] = [];
  const impossible: RejectedChoice[] = [];
  let smallestNeed = Infinity;
  for (const K of lengths(input))
    for (const R of replicaCounts(input, K)) {
      const placement = placeWorkers(slownessOf(input.crew), K, R, input.batch.numMicroBatches);
      const outcome = bestSchedule(input, K, placement);
      if ('why' in outcome) {
        impossible.push({ K, R, predictedStepMs: null, why: outcome.why });
        smallestNeed = Math.min(smallestNeed, outcome.needBytes);
      } else candidates.push({ K, R, placement, prediction: outcome });
    }
  // Compared in whole nanoseconds: rounding must not decide between equals.
  const rank = ({ prediction }: Candidate): number => Math.round(prediction.stepMs * 1e6);
  candidates.sort((a, b) => rank(a) - rank(b) || a.K - b.K || a.R - b.R);
  const [best, second] = candidates;
  if (best === undefined) {
    const { rules } = input;
    if (rules.mayChangeSchedule !== true || rules.schedule === 'auto' || rules.schedule === '1f1b')
      throw nothingFits(input, impossible, smallestNeed);
    const schedule = typeof rules.schedule === 'string' ? '1f1b' : 'auto';
    const other = choosePipeline({ ...input, rules: { ...rules, schedule } });
    return {
      ...other,
      reason:
        `${scheduleName(rules.schedule)} cannot run here (${present(impossible[0], 'a rejected choice').why}); ` +
        `${other.reason}`,
    };
  }

  const slower = candidates.slice(1).map(({ K, R, prediction: { stepMs } }) => ({
    K,
    R,
    predictedStepMs: stepMs,
    why: slowness(stepMs, best.prediction.stepMs),
  }));
  const { K, R, placement, prediction } = best;
  return {
    K,
    R,
    cuts: prediction.cuts,
    ranges: placement.ranges,
    schedule: prediction.schedule,
    microBatches: prediction.micros,
    predictedStepMs: prediction.stepMs,
    predictedBubble: prediction.bubble,
    memoryPerWorker: prediction.memoryPerWorker,
    recompute: prediction.recompute,
    seats: placement.seats,
    slowness: placement.slowness,
    reason: reasonOf(input, best, second, impossible[0]),
    rejected: [...slower, ...impossible],
  };
}

function checkFixed(input: PlannerInput): void {
  const { costs, frozen } = input.model;
  const { workers } = input.crew;
  const { numMicroBatches, microBatch } = input.batch;
  const { fixedR } = input.shape;
  const fixedK = wantedK(input);
  const K = fixedK ?? 1;
  const R = fixedR ?? 1;
  if (K * R > workers) {
    const pipeline = `a pipeline of ${K} ${K === 1 ? 'stage' : 'stages'}`;
    const what = fixedR === null ? `${pipeline} needs` : `${R} replicas of ${pipeline} need`;
    throw new UsageError(
      'PT_NOT_ENOUGH_WORKERS',
      `${what} ${K * R} ${K * R === 1 ? 'worker' : 'workers'}, but there are ${workers}`,
      `Use --devices cpu:${K * R}, or a smaller --pipeline or --replicas, or auto.`,
    );
  }
  if (R > numMicroBatches)
    throw new UsageError(
      'PT_TOO_MANY_REPLICAS',
      `${R} replicas need a micro-batch each, but a step has ${numMicroBatches} micro-batches of ${microBatch} samples`,
      `Use --replicas ${numMicroBatches} or less, or a larger --batch or smaller --micro-batch.`,
    );
  requireBlocks(K, costs.length, frozen);
  requireSizes(input);
}

/** A schedule of somebody's own that must be taken, or null. */
const mustTake = ({ schedule, mayChangeSchedule }: ScheduleRule): Schedule | null =>
  typeof schedule === 'string' || mayChangeSchedule === true ? null : schedule;

/** K as it is given, or as the schedule that must be taken has it. */
const wantedK = ({ shape, rules }: PlannerInput): number | null =>
  shape.fixedK ?? mustTake(rules)?.workers.length ?? null;

/** Throws a ScheduleError where the schedule that must be taken is for other sizes than those that can be had. */
function requireSizes(input: PlannerInput): void {
  const schedule = mustTake(input.rules);
  const K = wantedK(input);
  if (schedule === null || K === null || replicaCounts(input, K).length > 0) return;
  const R = input.shape.fixedR ?? 1;
  const counts = placeWorkers(slownessOf(input.crew), K, R, input.batch.numMicroBatches).ranges.map(
    ({ count }) => count,
  );
  drawSchedule(schedule, K, counts.find((count) => count !== schedule.micros) ?? schedule.micros);
}

const upTo = (last: number): number[] => Array.from({ length: Math.max(0, last) }, (_, i) => i + 1);

function lengths(input: PlannerInput): number[] {
  const { costs, frozen } = input.model;
  const { fixedR, maxK } = input.shape;
  const fixedK = wantedK(input);
  if (fixedK !== null) return [fixedK];
  return upTo(Math.min(Math.floor(input.crew.workers / (fixedR ?? 1)), costs.length - frozen, maxK ?? Infinity));
}

function replicaCounts(input: PlannerInput, K: number): number[] {
  const { fixedR, replicaCounts: which = 'all' } = input.shape;
  const { numMicroBatches } = input.batch;
  const most = Math.min(Math.floor(input.crew.workers / K), numMicroBatches);
  const counts =
    fixedR !== null
      ? [fixedR]
      : which === 'all'
        ? upTo(most)
        : [...new Set([most, most >> 1, most >> 2])].filter((R) => R > 0);
  const schedule = mustTake(input.rules);
  return schedule === null
    ? counts
    : counts.filter((R) =>
        placeWorkers(slownessOf(input.crew), K, R, numMicroBatches).ranges.every(({ count }) =>
          suits(schedule, K, count),
        ),
      );
}

const slownessOf = ({ slowness, workers }: PlannerCrew): readonly number[] =>
  slowness ?? new Array<number>(workers).fill(1);

/** The fastest prediction over the schedules asked for, or why there is none. */
function bestSchedule(
  input: PlannerInput,
  K: number,
  { ranges, slowness }: Placement,
): Prediction | { readonly why: string; readonly needBytes: number } {
  const counts = ranges.map(({ count }) => count);
  let best: Prediction | null = null;
  let why = '';
  let needBytes = Infinity;
  for (const source of schedulesFor(input.rules, K, counts)) {
    try {
      const prediction = predict(input, K, counts, source, slowness);
      if (!('needBytes' in prediction)) {
        // The later ones hold more or ring more often, which the prediction does not see: they have to be faster by
        // some.
        if (best === null || prediction.stepMs < best.stepMs * (1 - LEAST_GAIN)) best = prediction;
        continue;
      }
      if (prediction.needBytes < needBytes) {
        needBytes = prediction.needBytes;
        why = `needs ${megabytes(needBytes)} on a worker, the limit is ${megabytes(input.memory.limit ?? 0)}`;
      }
    } catch (error) {
      if (!(error instanceof PartitionError || error instanceof ScheduleError) || mustTake(input.rules) !== null)
        throw error;
      // The first schedule's trouble says most: the others need more stages or a certain number of micro-batches.
      if (why === '') why = error.message;
    }
  }
  return best ?? { why, needBytes };
}

/** Without a pipeline all schedules are the same. One of somebody's own is taken wherever it is for these sizes. */
const schedulesFor = (
  { schedule, mayChangeSchedule }: ScheduleRule,
  K: number,
  counts: readonly number[],
): readonly ScheduleSource[] => {
  const isForOthers =
    typeof schedule !== 'string' && mayChangeSchedule === true && !counts.every((count) => suits(schedule, K, count));
  if (schedule === 'auto' || isForOthers) return K === 1 ? ['1f1b'] : SCHEDULES.names;
  return [schedule];
};

function nothingFits(input: PlannerInput, impossible: readonly RejectedChoice[], needBytes: number): UsageError {
  const first = present(impossible[0], 'a rejected choice');
  if (needBytes === Infinity)
    return new PartitionError(
      `no pipeline can be built: K=${first.K}, R=${first.R}: ${first.why}`,
      'Use --partition exact, or --pipeline auto.',
    );
  return new UsageError(
    'PT_MEMORY_LIMIT',
    `no pipeline fits: the nearest one needs ${megabytes(needBytes)} on a worker, the limit is ` +
      `${megabytes(input.memory.limit ?? 0)}`,
    'Use more workers, a longer --pipeline, a smaller --micro-batch, ' +
      `${input.memory.recompute === 'off' ? '--recompute auto, ' : ''}or a higher --memory-limit.`,
  );
}

const megabytes = (bytes: number): string =>
  bytes < 1e3 ? `${bytes} bytes` : bytes < 1e5 ? `${(bytes / 1e3).toFixed(1)} kB` : `${(bytes / 1e6).toFixed(1)} MB`;
const milliseconds = (ms: number): string => `${ms.toFixed(1)} ms`;
const slowness = (ms: number, best: number): string =>
  best > 0 && ms > best
    ? `${((ms / best - 1) * 100).toFixed(1)} % slower`
    : 'not faster, and uses more workers or a longer pipeline';

/** What is recomputed, as a clause of the reason. */
function recomputeClause({ recompute, recomputeLimit }: MemoryRule, { recompute: stages }: Prediction): string {
  const which = stages.flatMap((isRecomputed, stage) => (isRecomputed ? [stage] : []));
  if (which.length === 0) return '';
  const why = recompute === 'auto' ? `, which the memory limit of ${megabytes(recomputeLimit ?? 0)} asks for` : '';
  return `, with the forward of stage ${which.join(', ')} recomputed${why}`;
}

function reasonOf(
  input: PlannerInput,
  { K, R, prediction }: Candidate,
  second: Candidate | undefined,
  impossible: RejectedChoice | undefined,
): string {
  const given = input.rules.schedule;
  const replaced =
    typeof given !== 'string' && prediction.schedule !== given
      ? `${given.name} is for ${sizesOf(given)} and has no place here; `
      : '';
  const chosen =
    `${replaced}K=${K}, R=${R} (${scheduleName(prediction.schedule)}, ${prediction.micros} ` +
    `${prediction.micros === 1 ? 'micro-batch' : 'micro-batches'} of ` +
    `${input.batch.microBatch}) is predicted to take ${milliseconds(prediction.stepMs)} a step, bubble ` +
    `${(prediction.bubble * 100).toFixed(1)} %${recomputeClause(input.memory, prediction)}`;
  if (second !== undefined)
    return (
      `${chosen}; next best is K=${second.K}, R=${second.R} with ${milliseconds(second.prediction.stepMs)} ` +
      `(${slowness(second.prediction.stepMs, prediction.stepMs)})`
    );
  if (impossible !== undefined) return `${chosen}; K=${impossible.K}, R=${impossible.R} ${impossible.why}`;
  const { workers } = input.crew;
  const { fixedK, fixedR, fixedBecause, maxK } = input.shape;
  const isFree = fixedK === null && fixedR === null;
  if (!isFree && fixedBecause !== undefined) return `${chosen}; ${fixedBecause}`;
  const longest = fixedK === null && maxK !== null ? ` and at most ${maxK} ${maxK === 1 ? 'stage' : 'stages'}` : '';
  const asked = isFree ? longest : ' and the shape asked for';
  return `${chosen}; it is the only choice for ${workers} ${workers === 1 ? 'worker' : 'workers'}${asked}`;
}
