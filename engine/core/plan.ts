// Plan: the immutable answer to "who does what" from one step boundary to the next. Only the trainer has one made, and
// only the coordinator hands it out; a worker refuses an older generation. It names blocks and workers, never addresses
// of memory: those follow from (run, generation, worker).
import { z } from 'zod';
import { UsageError } from './errors.js';

/** Names of workers are parts of file names, and plans come over a network: nothing in one may look like a path. */
export const WORKER_NAME = /^[A-Za-z0-9_-]{1,64}$/;
/** So is the name of a checkpoint. */
const CHECKPOINT_NAME = /^step-\d{1,16}(-\d{1,16})?$/;
const workerName = z.string().regex(WORKER_NAME);

/** No run has more of them. What arrives is held against this before anything is made of it. */
export const MAX_BLOCKS = 10_000;
export const MAX_WORKERS = 1024;
export const MAX_MICRO_BATCHES = 65_536;
const MAX_STAGES = 4096;

const index = z.number().int().nonnegative();
const count = z.number().int().positive();
const block = index.max(MAX_BLOCKS);
const micro = index.max(MAX_MICRO_BATCHES);

const stageSchema = z.object({
  worker: workerName,
  /** Active blocks [from, to). */
  from: block,
  to: count.max(MAX_BLOCKS),
  /** Whether the stage keeps only its inputs and computes the forward again before the backward; default: no. */
  recompute: z.boolean().optional(),
});

const replicaSchema = z.object({
  /** Micro-batches [start, start + count) of the global batch. */
  start: micro,
  count: count.max(MAX_MICRO_BATCHES),
  /** In order of the model. A worker may have several, where the schedule interleaves them. */
  stages: z.array(stageSchema).min(1).max(MAX_STAGES),
});

const growthSchema = z.object({
  /** Blocks that do not exist in this generation, ascending. Stages have them in their ranges and compute none. */
  absent: z.array(block).max(MAX_BLOCKS),
  /** Blocks that come into being with this plan, and the block of generation - 1 whose state each starts from. */
  born: z.array(z.object({ block, like: block })).max(MAX_BLOCKS),
  /** Whether those start as the identity: what closes their branch is zero, and so are their optimizer states. */
  asIdentity: z.boolean(),
});

export const planSchema = z.object({
  generation: index,
  /** Blocks [0, frozen) are frozen; stage 0 of every replica holds them. */
  frozen: block,
  microBatch: count,
  /** G, micro-batches of a global batch. */
  numMicroBatches: count.max(MAX_MICRO_BATCHES),
  /** By its name; one of somebody's own is drawn in `grid`. */
  schedule: z.string().min(1).max(255),
  grid: z.string().max(1_000_000).optional(),
  replicas: z.array(replicaSchema).min(1).max(MAX_WORKERS),
  usesCache: z.boolean(),
  /** Depth below `frozen` whose cache may still serve, or null. */
  previousCacheDepth: block.nullable(),
  /** Per block a worker that holds it in generation - 1, or null where it starts from its initial values. */
  sources: z.array(workerName.nullable()).max(MAX_BLOCKS),
  /** Blocks [0, frozenBefore) were frozen in generation - 1: nobody has optimizer states of them to copy. */
  frozenBefore: block,
  /** Per parameter that several blocks use, those blocks, ascending; not there where each is used by one. */
  shared: z.array(z.array(block).max(MAX_BLOCKS)).max(MAX_BLOCKS).optional(),
  /** Of a model that grows: what of it exists, and what is new; not there where the model is and was whole. */
  growth: growthSchema.optional(),
  /**
   * Where every block comes from instead, when state has to be restored: a snapshot in shared memory, or a checkpoint
   * of the run, by its name.
   */
  restore: z
    .discriminatedUnion('kind', [
      z.object({ kind: z.literal('snapshot'), version: index }),
      z.object({ kind: z.literal('checkpoint'), name: z.string().regex(CHECKPOINT_NAME) }),
    ])
    .nullable(),
  reason: z.string().max(10_000),
});

export type Plan = z.infer<typeof planSchema>;
export type PlannedGrowth = z.infer<typeof growthSchema>;
export type Restore = NonNullable<Plan['restore']>;
export type StageAssignment = z.infer<typeof stageSchema>;

/** Where a worker stands in a plan. */
export interface Seat {
  readonly replica: number;
  readonly stages: readonly StageAssignment[];
  /** Indices of the stages that this worker runs, ascending. */
  readonly own: readonly number[];
  readonly start: number;
  readonly count: number;
}

/** The seat of a worker, or null where it is idle in this plan. */
export function seatOf(plan: Plan, worker: string): Seat | null {
  for (const [replica, { stages, start, count }] of plan.replicas.entries()) {
    const own = [...stages.keys()].filter((stage) => stages[stage]?.worker === worker);
    if (own.length > 0) return { replica, stages, own, start, count };
  }
  return null;
}

/** Blocks of the model that do not exist under a plan. */
export const absentOf = ({ growth }: Pick<Plan, 'growth'>): readonly number[] => growth?.absent ?? [];

/** Those of the blocks [from, to) that exist under a plan. */
export function blocksIn(plan: Pick<Plan, 'growth'>, { from, to }: Pick<StageAssignment, 'from' | 'to'>): number[] {
  const absent = new Set(absentOf(plan));
  return Array.from({ length: to - from }, (_, i) => from + i).filter((one) => !absent.has(one));
}

/**
 * Whether anything of a block is updated where the blocks [0, frozen) are frozen: always where it is none of them,
 * else where it shares a parameter with one that trains. Such a block has optimizer states.
 */
export const isUpdated = ({ shared = [] }: Pick<Plan, 'shared'>, frozen: number, block: number): boolean =>
  block >= frozen || shared.some((blocks) => blocks.includes(block) && blocks.some((one) => one >= frozen));

/** Whether all of the frozen prefix stays as it is: then its outputs may be kept. */
export const isPrefixFixed = (plan: Pick<Plan, 'shared'>, frozen: number): boolean =>
  Array.from({ length: frozen }, (_, block) => block).every((block) => !isUpdated(plan, frozen, block));

/**
 * Blocks a worker must hold under a plan: its active ones, and the frozen prefix where it runs stage 0. `updated` are
 * those of both that have optimizer states.
 */
export function blocksOf(
  plan: Plan,
  worker: string,
): { readonly frozen: readonly number[]; readonly active: readonly number[]; readonly updated: readonly number[] } {
  const seat = seatOf(plan, worker);
  if (seat === null) return { frozen: [], active: [], updated: [] };
  const active = seat.stages.flatMap((stage) => (stage.worker === worker ? blocksIn(plan, stage) : []));
  const frozen = seat.own.includes(0) ? blocksIn(plan, { from: 0, to: plan.frozen }) : [];
  return { frozen, active, updated: [...frozen, ...active].filter((block) => isUpdated(plan, plan.frozen, block)) };
}

/** A stage of a replica that holds a block. */
export interface Holder {
  readonly replica: number;
  readonly stage: number;
  readonly worker: string;
}

/** The stages that hold an active block, one per replica in order: the training group that reduces its gradient. */
export function holdersOf(plan: Plan, block: number): Holder[] {
  return plan.replicas.map(({ stages }, replica) => {
    const stage = stages.findIndex(({ from, to }) => from <= block && block < to);
    const assignment = stages[stage];
    if (assignment === undefined)
      throw new UsageError(
        'PT_PLAN',
        `block ${block} is in no stage of generation ${plan.generation}`,
        'Report this plan.',
      );
    return { replica, stage, worker: assignment.worker };
  });
}

/** K of a replica: the workers that its stages are on. */
export const pipelineLength = ({ stages }: { readonly stages: readonly StageAssignment[] }): number =>
  new Set(stages.map(({ worker }) => worker)).size;

/** K of the longest replica and R. */
export const shapeOf = (plan: Plan): { K: number; R: number } => ({
  K: Math.max(...plan.replicas.map(pipelineLength)),
  R: plan.replicas.length,
});
