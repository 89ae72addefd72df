// Replanner: from what is frozen to the next plan. It asks the planner for a shape, decides about the cache, and seats
// the workers so that little state moves. It decides nothing about freezing and speaks to no worker.
import { shouldCache } from '../../cache/admission.js';
import { codecOf } from '../../cache/codec.js';
import { stepMsOf } from '../../pipeline/candidate.js';
import type { PipelineChoice } from '../../pipeline/choice.js';
import type { BlockCost } from '../../pipeline/costs.js';
import { sumCosts } from '../../pipeline/costs.js';
import { showGrid } from '../../pipeline/grid.js';
import { choosePipeline, type PlannerInput } from '../../pipeline/planner.js';
import { parseRecompute } from '../../pipeline/recompute.js';
import { workersByStage } from '../../pipeline/schedule.js';
import { drawSchedule, scheduleName, type ScheduleSource } from '../../pipeline/schedules/registry.js';
import type { TrainConfig } from '../core/config.js';
import { PipetrainError } from '../core/errors.js';
import { present } from '../core/invariant.js';
import { memoryLimitPerWorker } from '../core/memory-limit.js';
import { type Plan, seatOf } from '../core/plan.js';
import type { MeasuredRates } from '../costs/measured-rates.js';
import type { RunEventBody } from '../events/events.js';
import { asPlanned } from '../protocol/plan-schedule.js';
import type { CacheForecast } from './cache-forecast.js';
import { type CacheReads, expectedReads } from './cache-reads.js';
import { cacheSize, forecastCache } from './cache-size.js';
import { seatWorkers } from './seats.js';

export interface ReplannerOptions extends MeasuredRates, CacheReads {
  readonly config: TrainConfig;
  /** What the configuration asks for, read. */
  readonly schedule: 'auto' | ScheduleSource;
  readonly workers: readonly string[];
  readonly costs: readonly BlockCost[];
  readonly microBatch: number;
  readonly numMicroBatches: number;
  /** How many times as long as the costs say a worker takes. Default: as long. */
  readonly slownessOf?: (worker: string) => number;
}

/** What the next plan has to respect. */
export interface PlanRequest {
  readonly frozen: number;
  readonly frozenLayers: number;
  /** Epochs that are left: how often a cached sample will be read. */
  readonly epochsLeft: number;
  /** Why a new plan is needed, one clause. */
  readonly because: string;
  /** Where all state comes from, where the workers do not have it. */
  readonly restore?: Plan['restore'];
}

/** A shape that is asked for rather than chosen. */
export interface FixedShape {
  readonly K: number;
  readonly R: number;
  /** First blocks of the stages, where even the partition is given, and the schedule for that many stages. */
  readonly cuts?: readonly number[];
  readonly schedule?: ScheduleSource;
  readonly usesCache: boolean;
}

export interface Planned {
  readonly plan: Plan;
  readonly event: Extract<RunEventBody, { type: 'plan.made' }>;
  /** What the planner said, the alternatives included. */
  readonly choice: PipelineChoice;
  readonly cacheReason: string;
}

/**
 * What reducing a gradient costs next to updating it, when nothing was measured: both stream the same memory, the
 * reduction without arithmetic.
 */
const REDUCE_TO_UPDATE = 0.5;
/** Share of the step time that a change of plan nobody has to make must save. */
const WORTH_A_TRANSITION = 0.03;
/** The same where measurement has just shown that predictions may be wrong. */
const WORTH_A_CORRECTION = 0.1;

export class Replanner {
  #options: ReplannerOptions;
  /** Depths at which a measurement has changed the plan: once each, so that two shapes cannot take turns. */
  readonly #corrected = new Set<number>();
  #workers: readonly string[];
  #first: Plan | null = null;
  #current: Plan | null = null;
  #choice: PipelineChoice | null = null;
  /** Shapes of the plans so far, by what was frozen: what a smaller depth goes back to. */
  #shapes: { readonly frozen: number; readonly K: number; readonly R: number }[] = [];
  /** M0: bytes of the largest stage at the start of a run whose pipeline length was given (PipeTransformer, Eq. 2). */
  #startMemory: number | null = null;
  /** Bytes a worker has. */
  readonly #memoryLimit: number;
  /** How many times as long as the costs say a worker takes. */
  readonly slownessOf: (worker: string) => number;
  #cachedDepth: number | null = null;

  constructor(options: ReplannerOptions) {
    this.#options = options;
    this.#workers = options.workers;
    this.slownessOf = options.slownessOf ?? (() => 1);
    this.#memoryLimit = memoryLimitPerWorker(options.config.memoryLimit, options.workers.length);
  }

  /** Most bytes of a worker, as asked for or as the machine has them. */
  get memoryLimit(): number {
    return this.#memoryLimit;
  }

  get current(): Plan | null {
    return this.#current;
  }

  /** The plan with which the run began. */
  get first(): Plan {
    return present(this.#first, 'first plan');
  }

  /**
   * The plan for other workers than before. The shape stays where they are enough for it; else the best one for those
   * that are left, even where it needs more memory than the run began with: a run that goes on is worth more than a
   * limit of its own.
   */
  forWorkers(workers: readonly string[], request: PlanRequest): Planned {
    this.#workers = workers;
    const { K, R } = present(this.#choice, 'choice');
    const { isOn, reason } = this.#admitCache(request);
    const fits = K * R <= workers.length && K <= this.#options.costs.length - request.frozen;
    const input = {
      ...this.#plannerInput(request, isOn),
      fixedK: fits ? K : null,
      fixedR: fits ? R : null,
      maxK: null,
    };
    const choice = chooseWithin(this.#memoryLimit, input);
    return this.#make(request, this.#options.config.exact ? choice : this.#widened(choice), isOn, reason);
  }

  /**
   * A better plan now that other workers are there, or null where none is predicted to be faster by more than a
   * transition is worth; then the new ones are spares. A shape that was asked for is kept until freezing has changed
   * it.
   */
  forMore(workers: readonly string[], request: PlanRequest): Planned | null {
    this.#workers = workers;
    const { config } = this.#options;
    const now = present(this.#choice, 'choice');
    const isGiven = request.frozen === 0;
    const fixedK = isGiven && config.pipeline !== 'auto' ? config.pipeline : null;
    const fixedR = isGiven && config.replicas !== 'auto' ? config.replicas : null;
    if (config.dp === 'off' || (fixedK ?? 1) * (fixedR ?? 1) > workers.length) return null;
    const { isOn, reason } = this.#admitCache(request);
    const input = { ...this.#plannerInput(request, isOn), maxK: config.pipeline === 'auto' ? null : now.K };
    const before = chooseWithin(this.#memoryLimit, { ...input, fixedK: now.K, fixedR: now.R });
    const choice = chooseWithin(this.#memoryLimit, { ...input, fixedK, fixedR });
    if (choice.predictedStepMs > before.predictedStepMs * (1 - WORTH_A_TRANSITION)) return null;
    return this.#make(request, config.exact ? choice : this.#widened(choice), isOn, reason);
  }

  /**
   * A better plan now that steps have shown what the blocks really cost, or null where none is predicted to be faster
   * by enough. `measuredMs` is the whole step; what the corrected costs do not explain of it is taken to be the same in
   * every shape.
   */
  forMeasured(costs: readonly BlockCost[], measuredMs: number, request: PlanRequest): Planned | null {
    this.#options = { ...this.#options, costs };
    const { config } = this.#options;
    const now = present(this.#choice, 'choice');
    if (config.dp === 'off' || !config.exact || this.#corrected.has(request.frozen)) return null;
    const asked =
      request.frozen === 0
        ? this.#askedShape()
        : ({ pipeline: 'auto', replicas: config.dp === 'pipe' ? now.R : 'auto' } as const);
    const { isOn, reason } = this.#admitCache(request);
    const input = {
      ...this.#plannerInput(request, isOn),
      fixedK: asked.pipeline === 'auto' ? null : asked.pipeline,
      fixedR: asked.replicas === 'auto' ? null : asked.replicas,
      maxK: request.frozen === 0 ? null : now.K,
    };
    const choice = chooseWithin(
      request.frozen === 0 ? this.#memoryLimit : (this.#startMemory ?? this.#memoryLimit),
      input,
    );
    const nowMs = stepMsOf(input, now);
    const restMs = Math.max(0, measuredMs - nowMs);
    if (restMs + choice.predictedStepMs > (restMs + nowMs) * (1 - WORTH_A_CORRECTION)) return null;
    this.#corrected.add(request.frozen);
    return this.#make(request, choice, isOn, reason);
  }

  /** What stage 0 is predicted to spend per micro-batch on the frozen prefix under the current plan. */
  prefixMs(request: PlanRequest, isFilling: boolean): number {
    const { costs, microBatch } = this.#options;
    if (request.frozen === 0) return 0;
    if (this.#current?.usesCache !== true) return sumCosts(costs, 0, request.frozen).forwardMs;
    const { fillMs, steadyMs } = forecastCache(
      this.#options,
      request.frozen,
      request.epochsLeft,
      this.#current.previousCacheDepth,
    );
    return microBatch * (isFilling ? fillMs : steadyMs);
  }

  /** The next plan for what is frozen, in the shape that the configuration allows. */
  next(request: PlanRequest): Planned {
    const { config } = this.#options;
    const earlier = this.#earlierShape(request.frozen);
    // Less is frozen than ever: a run that went on from a checkpoint begins with what it was asked for only now.
    const isFirst = this.#current === null || (earlier === null && request.frozen < this.#current.frozen);
    const asked = this.#askedShape();
    const keepsShape = !isFirst && config.dp === 'off';
    const { isOn, reason: cacheReason } = this.#admitCache(request);
    const active = this.#options.costs.length - request.frozen;
    const shape =
      earlier ??
      (keepsShape
        ? { K: Math.min(present(this.#choice, 'choice').K, active), R: present(this.#choice, 'choice').R }
        : null);
    const keptReplicas = !isFirst && config.dp === 'pipe' ? present(this.#choice, 'choice').R : null;
    const choice = choosePipeline({
      ...this.#plannerInput(request, isOn),
      fixedK: shape?.K ?? (isFirst && asked.pipeline !== 'auto' ? asked.pipeline : null),
      fixedR: shape?.R ?? keptReplicas ?? (isFirst && asked.replicas !== 'auto' ? asked.replicas : null),
      maxK: isFirst || request.frozen < (this.#current?.frozen ?? 0) ? null : present(this.#choice, 'choice').K,
      memoryLimit:
        keepsShape || earlier !== null ? null : isFirst ? this.#memoryLimit : (this.#startMemory ?? this.#memoryLimit),
    });
    if (isFirst && asked.pipeline !== 'auto') this.#startMemory = Math.max(...choice.memoryPerWorker);
    return this.#make(request, config.exact ? choice : this.#widened(choice), isOn, cacheReason);
  }

  /** The plan that `next` would give now; nothing remembers that it was asked. */
  preview(request: PlanRequest): Plan {
    const before = [this.#first, this.#current, this.#choice, this.#cachedDepth, this.#shapes] as const;
    try {
      return this.next(request).plan;
    } finally {
      [this.#first, this.#current, this.#choice, this.#cachedDepth, this.#shapes] = before;
    }
  }

  /** A plan of a given shape, for measurements beside the training. */
  fixed(request: PlanRequest, shape: FixedShape): Planned {
    const choice = choosePipeline({
      ...this.#plannerInput(request, shape.usesCache),
      fixedK: shape.K,
      fixedR: shape.R,
      maxK: null,
      memoryLimit: null,
      ...(shape.schedule === undefined ? {} : { schedule: shape.schedule }),
    });
    return this.#make(
      request,
      shape.cuts === undefined ? choice : { ...choice, cuts: shape.cuts },
      shape.usesCache,
      'given',
    );
  }

  /** The shape the configuration asks for; free where too many workers are lost for it. */
  #askedShape(): Pick<TrainConfig, 'pipeline' | 'replicas'> {
    const { pipeline, replicas } = this.#options.config;
    const needed = (pipeline === 'auto' ? 1 : pipeline) * (replicas === 'auto' ? 1 : replicas);
    return this.#current === null || needed <= this.#workers.length
      ? { pipeline, replicas }
      : { pipeline: 'auto', replicas: 'auto' };
  }

  /**
   * Where less is frozen than before: the shape it had then, which was planned without knowing better; null where it
   * has no workers any more.
   */
  #earlierShape(frozen: number): { readonly K: number; readonly R: number } | null {
    if (this.#current === null || frozen >= this.#current.frozen) return null;
    const shape = this.#shapes.findLast((one) => one.frozen <= frozen);
    return shape !== undefined && shape.K * shape.R <= this.#workers.length ? shape : null;
  }

  /**
   * Without exactness the micro-batch need not be the same for all plans: where there is no pipeline to fill, one
   * micro-batch per replica makes the largest matrix products and the fewest calls.
   */
  #widened(choice: PipelineChoice): PipelineChoice {
    const { config } = this.#options;
    if (choice.K > 1 || config.batch % choice.R !== 0) return choice;
    return {
      ...choice,
      microBatches: 1,
      ranges: Array.from({ length: choice.R }, (_, start) => ({ start, count: 1 })),
    };
  }

  /** Who is slower or faster than the others, where the shape regards it. */
  #paceClause({ seats }: PipelineChoice): string {
    if (seats === null) return '';
    const unequal = this.#workers.filter((worker) => this.slownessOf(worker) !== 1);
    return (
      '; ' +
      `${unequal
        .map(
          (worker) =>
            `${worker} takes ${this.slownessOf(worker).toFixed(2)} times ` + 'as long as was measured at the start',
        )
        .join(', ')}`
    );
  }

  #plannerInput(request: PlanRequest, usesCache: boolean) {
    const { frozen } = request;
    const { config, costs, microBatch, numMicroBatches, updateMsPerMb, handover } = this.#options;
    return {
      costs,
      frozen,
      workers: this.#workers.length,
      slowness: this.#workers.map(this.slownessOf),
      numMicroBatches,
      microBatch,
      usesCache,
      recompute: parseRecompute(config.recompute),
      recomputeLimit: this.#memoryLimit,
      cacheReadMs: frozen === 0 ? 0 : this.#forecast(request).averageMs * microBatch,
      schedule: this.#options.schedule,
      // A run that goes on with frozen layers may have had another shape than at its start.
      mayChangeSchedule: this.#current !== null || frozen > 0,
      partition: config.partition,
      updateMsPerMB: updateMsPerMb,
      reduceMsPerMB: updateMsPerMb * REDUCE_TO_UPDATE,
      ...handover,
    };
  }

  #forecast({ frozen, epochsLeft }: PlanRequest): CacheForecast {
    return forecastCache(this.#options, frozen, epochsLeft, this.#cachedDepth);
  }

  /** Predicted steps while the cache fills and afterwards; nothing where there is no cache. */
  #cachedSteps(
    request: PlanRequest,
    choice: PipelineChoice,
    usesCache: boolean,
  ): { predictedFillMs?: number; predictedReadMs?: number } {
    if (!usesCache) return {};
    const { fillMs, steadyMs } = this.#forecast(request);
    const stepMs = (sampleMs: number): number =>
      stepMsOf(this.#plannerInput(request, true), choice, sampleMs * this.#options.microBatch);
    return { predictedFillMs: stepMs(fillMs), predictedReadMs: stepMs(steadyMs) };
  }

  #admitCache({ frozen, epochsLeft }: PlanRequest): { isOn: boolean; reason: string } {
    const { config, costs, microBatch, numSamples, numViews } = this.#options;
    if (frozen === 0) return { isOn: false, reason: 'nothing is frozen' };
    if (config.cache === 'off') return { isOn: false, reason: 'switched off by --cache off' };
    if (numViews === null)
      return {
        isOn: false,
        reason:
          'every epoch augments the samples anew, so that nothing comes twice; --views K makes K fixed views of each',
      };
    const { recordBytes, capBytes, readMs } = cacheSize(this.#options, frozen);
    const forwardMs = (depth: number): number => sumCosts(costs, 0, depth).forwardMs / microBatch;
    const before = this.#cachedDepth;
    const inherits = before !== null && (before === frozen || (before < frozen && codecOf(config.cacheCodec).isExact));
    return shouldCache({
      recomputeMs: forwardMs(frozen),
      readMs,
      writeMs: before === frozen ? 0 : readMs,
      expectedReads: expectedReads(this.#options, epochsLeft),
      inheritedMs: inherits ? forwardMs(before) - cacheSize(this.#options, before).readMs : 0,
      recordBytes,
      numSamples,
      capBytes,
    });
  }

  #make(request: PlanRequest, choice: PipelineChoice, usesCache: boolean, cacheReason: string): Planned {
    const { config, costs } = this.#options;
    const numMicroBatches = choice.ranges.reduce((sum, { count }) => sum + count, 0);
    const microBatch = config.batch / numMicroBatches;
    const previous = this.#current;
    const schedule = drawSchedule(choice.schedule, choice.K, choice.microBatches);
    const rowOf = workersByStage(schedule);
    const seats =
      choice.seats?.map((row) => row.map((worker) => present(this.#workers[worker], 'worker'))) ??
      seatWorkers(previous, this.#workers, choice.K, choice.ranges.length);
    const cachedSteps = this.#cachedSteps(request, choice, usesCache);
    const previousCacheDepth =
      usesCache && this.#cachedDepth !== null && this.#cachedDepth < request.frozen ? this.#cachedDepth : null;
    const plan: Plan = {
      generation: previous === null ? 0 : previous.generation + 1,
      frozen: request.frozen,
      microBatch,
      numMicroBatches,
      ...asPlanned(choice.schedule),
      replicas: choice.ranges.map(({ start, count }, replica) => ({
        start,
        count,
        stages: choice.cuts.map((from, stage) => ({
          worker: present(seats[replica]?.[present(rowOf[stage], 'row')], 'seat'),
          from,
          to: choice.cuts[stage + 1] ?? costs.length,
          ...(choice.recompute[stage] === true ? { recompute: true } : {}),
        })),
      })),
      usesCache,
      previousCacheDepth,
      sources: costs.map((_, block) => (previous === null ? null : sourceOf(previous, block))),
      restore: request.restore ?? null,
      reason: `${request.because}: ${choice.reason}${this.#paceClause(choice)}`,
    };
    this.#first ??= plan;
    this.#current = plan;
    this.#choice = choice;
    this.#shapes = [
      ...this.#shapes.filter(({ frozen }) => frozen < request.frozen),
      { frozen: request.frozen, K: choice.K, R: choice.R },
    ];
    this.#cachedDepth = usesCache ? request.frozen : null;
    const event: Planned['event'] = {
      type: 'plan.made',
      generation: plan.generation,
      frozen: request.frozen,
      frozenLayers: request.frozenLayers,
      K: choice.K,
      R: choice.R,
      schedule: scheduleName(choice.schedule),
      microBatches: choice.microBatches,
      stages: plan.replicas.flatMap(({ stages }, replica) =>
        stages.map(({ worker, from, to }, stage) => ({ worker, replica, stage, from, to })),
      ),
      idle: this.#workers.filter((worker) => seatOf(plan, worker) === null),
      predictedStepMs: choice.predictedStepMs,
      ...cachedSteps,
      predictedBubble: choice.predictedBubble,
      usesCache,
      recompute: choice.recompute.flatMap((isRecomputed, stage) => (isRecomputed ? [stage] : [])),
      memoryPerWorker: [...choice.memoryPerWorker],
      reason: plan.reason,
      grid: showGrid(schedule),
    };
    return { plan, event, choice, cacheReason };
  }
}

/** The best choice under a limit, or the best of all where none respects it. */
function chooseWithin(memoryLimit: number, input: Omit<PlannerInput, 'memoryLimit'>): PipelineChoice {
  try {
    return choosePipeline({ ...input, memoryLimit });
  } catch (error) {
    if (!(error instanceof PipetrainError) || error.code !== 'PT_MEMORY_LIMIT') throw error;
    return choosePipeline({ ...input, memoryLimit: null });
  }
}

/** A worker that holds a block under a plan. */
function sourceOf(plan: Plan, block: number): string {
  const stages = present(plan.replicas[0], 'replica 0').stages;
  const stage = block < plan.frozen ? stages[0] : stages.find(({ from, to }) => from <= block && block < to);
  return present(stage, `stage of block ${block}`).worker;
}
