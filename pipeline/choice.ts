// What the planner is asked and what it answers. Types only; the choosing is in planner.ts.
import type { BlockCost } from './costs.js';
import type { MicroRange } from './micro-ranges.js';
import type { Cuts } from './partition.js';
import type { RecomputeMode } from './recompute.js';
import type { ScheduleSource } from './schedules/registry.js';

/** What computing costs. */
export interface ModelCosts {
  /** All blocks of the model, in order. */
  readonly costs: readonly BlockCost[];
  /** The blocks [0, frozen) are frozen; stage 0 computes or reads their output. */
  readonly frozen: number;
  /**
   * What a micro-batch of the output of the frozen blocks takes to read from the cache, on average over the epochs that
   * are left; null where there is no cache and it is computed.
   */
  readonly cacheReadMs: number | null;
}

/** Who may be given a place. */
export interface PlannerCrew {
  /** Workers there are. */
  readonly workers: number;
  /** For each of them, how many times as long as the costs say it takes. Default: all take as long. */
  readonly slowness?: readonly number[];
}

/** How the global batch is cut. */
export interface BatchSplit {
  /** G, micro-batches per global batch. */
  readonly numMicroBatches: number;
  /** Samples per micro-batch. */
  readonly microBatch: number;
}

/** What a worker may hold, and what it does to hold less. */
export interface MemoryRule {
  /** Most bytes of a worker, or null. A run that started with a given K keeps to M0, its largest stage memory then. */
  readonly limit: number | null;
  /** Which stages recompute their forward before the backward. Default: off. */
  readonly recompute?: RecomputeMode;
  /** Most bytes of a worker before `auto` recomputes, or null (the default). It is the machine's limit, never M0. */
  readonly recomputeLimit?: number | null;
}

/** What the machine takes for all that is not a block, milliseconds. */
export interface MachineRates {
  /** Clipping and optimizer, per 10^6 bytes of parameters. */
  readonly updateMsPerMB: number;
  /** Reduce-scatter and all-gather between two replicas, per 10^6 bytes of gradient. */
  readonly reduceMsPerMB: number;
  /** Activations or gradients from one stage to the next, per 10^6 bytes. Default: 0. */
  readonly transferMsPerMB?: number;
  /**
   * From the end of an action to the start of the one on another worker that waited for it, apart from the bytes.
   * Default: 0.
   */
  readonly handoverMs?: number;
  /** Between two actions of a worker that has neighbours. Default: 0. */
  readonly handlingMs?: number;
}

/** Which pipelines and replicas are considered. */
export interface ShapeBounds {
  /** K and R that are given, or null. */
  readonly fixedK: number | null;
  readonly fixedR: number | null;
  /** Why they are, as a clause of the reason. Default: they were asked for. */
  readonly fixedBecause?: string;
  /**
   * Longest pipeline to consider where K is free, or null. A run that has started shrinks its pipeline, it never grows
   * it.
   */
  readonly maxK: number | null;
  /**
   * Where R is free: every number of replicas (the default), or the most that fit, half of them and a quarter, for very
   * many workers.
   */
  readonly replicaCounts?: 'all' | 'halvings';
}

/** By which rules a shape is filled. */
export interface ScheduleRule {
  readonly schedule: 'auto' | ScheduleSource;
  /**
   * Whether another schedule may take the place of the one asked for where that cannot run: 1F1B for one that has a
   * name, any for one of somebody's own. Default: no, that is an error.
   */
  readonly mayChangeSchedule?: boolean;
  readonly partition: 'exact' | 'paper';
}

export interface PlannerInput {
  readonly model: ModelCosts;
  readonly crew: PlannerCrew;
  readonly batch: BatchSplit;
  readonly memory: MemoryRule;
  readonly rates: MachineRates;
  readonly shape: ShapeBounds;
  readonly rules: ScheduleRule;
}

export interface RejectedChoice {
  readonly K: number;
  readonly R: number;
  /** Null where the choice is impossible. */
  readonly predictedStepMs: number | null;
  readonly why: string;
}

export interface PipelineChoice {
  readonly K: number;
  readonly R: number;
  /**
   * First block of every stage, K of them or a multiple where the schedule interleaves; the last stage ends with the
   * model.
   */
  readonly cuts: Cuts;
  /** Per replica. */
  readonly ranges: readonly MicroRange[];
  readonly schedule: ScheduleSource;
  /** M of the replica with most micro-batches. */
  readonly microBatches: number;
  readonly predictedStepMs: number;
  /** Idle share of the workers of a pipeline during its schedule. */
  readonly predictedBubble: number;
  /** Bytes of each of the K workers of a pipeline, by the model of `stageMemory`. */
  readonly memoryPerWorker: readonly number[];
  /** Per stage, whether it recomputes its forward before the backward. */
  readonly recompute: readonly boolean[];
  /** Per replica, per place of its pipeline, the number of the worker; null where all are equally fast. */
  readonly seats: readonly (readonly number[])[] | null;
  /** Per place of a pipeline, how many times as long as the costs say a stage takes there. */
  readonly slowness: readonly number[];
  /** One sentence with the numbers. */
  readonly reason: string;
  /** Fastest first, the impossible last. */
  readonly rejected: readonly RejectedChoice[];
}
