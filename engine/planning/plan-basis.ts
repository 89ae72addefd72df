// PlanBasis: all that plans are made from besides what is frozen and what came before: settings, measured costs and
// rates, and who is there. A value: corrected costs or other workers make a new one. It plans nothing.
import { type BlockCost, sumCosts } from '../../pipeline/costs.js';
import type { ScheduleSource } from '../../pipeline/schedules/registry.js';
import type { TrainConfig } from '../core/config.js';
import { present } from '../core/invariant.js';
import { memoryLimitPerWorker } from '../core/memory-limit.js';
import type { Plan } from '../core/plan.js';
import type { MeasuredRates } from '../costs/measured-rates.js';
import { sharingBlocks } from '../model/shared-parameters.js';
import type { RunSetup } from '../run/run-setup.js';
import { type CacheReads, readsOf } from './cache-reads.js';

/** Who may be given a seat. */
export interface Crew {
  readonly workers: readonly string[];
  /** How many times as long as the costs say a worker takes. */
  readonly slownessOf: (worker: string) => number;
  /** Most bytes of a worker, as asked for or as the machine has them. */
  readonly memoryLimit: number;
}

export interface PlanBasis {
  readonly config: TrainConfig;
  /** What the configuration asks for, read. */
  readonly schedule: 'auto' | ScheduleSource;
  /** Samples per micro-batch. */
  readonly microBatch: number;
  /** G, micro-batches of a step over all replicas. */
  readonly numMicroBatches: number;
  /** Per block, for one micro-batch. */
  readonly costs: readonly BlockCost[];
  readonly rates: MeasuredRates;
  readonly reads: CacheReads;
  readonly crew: Crew;
  /** As Plan. */
  readonly shared?: Plan['shared'];
}

export interface MeasuredBasis {
  readonly costs: readonly BlockCost[];
  readonly rates: MeasuredRates;
  /** As Crew. Default: all workers are as fast as was measured. */
  readonly slownessOf?: (worker: string) => number;
}

/** Copies of the whole state that a run keeps beside its workers: two snapshots, and the one for checkpoints. */
const STATE_COPIES = 3;

type Facts = Pick<
  RunSetup,
  'config' | 'schedule' | 'microBatch' | 'numMicroBatches' | 'workers' | 'dataset' | 'sampler' | 'model'
>;

/** What the plans of a run are made from at its start. */
export function planBasis(setup: Facts, { costs, rates, slownessOf = () => 1 }: MeasuredBasis): PlanBasis {
  const { config, schedule, microBatch, numMicroBatches, workers, model } = setup;
  const { parameterBytes, optimizerBytes } = sumCosts(costs, 0, costs.length);
  const copyBytes = STATE_COPIES * (parameterBytes + optimizerBytes);
  const memoryLimit = memoryLimitPerWorker(config.memoryLimit, workers.length, copyBytes);
  const crew = { workers, slownessOf, memoryLimit };
  const shared = sharingBlocks(model.blocks);
  const basis = { config, schedule, microBatch, numMicroBatches, costs, rates, reads: readsOf(setup), crew };
  return shared.length === 0 ? basis : { ...basis, shared };
}

/** The same once blocks have come into being: they cost what those cost that they are copies of. */
export function withBorn(
  basis: PlanBasis,
  born: readonly { readonly block: number; readonly like: number }[],
): PlanBasis {
  const likes = new Map(born.map(({ block, like }) => [block, like]));
  const costs = basis.costs.map((cost, block) => {
    const like = likes.get(block);
    return like === undefined ? cost : { ...present(basis.costs[like], 'cost'), name: cost.name };
  });
  return { ...basis, costs };
}

/** The same with other workers. The limit of each stays: it was a share of the machine when the run began. */
export function withWorkers(basis: PlanBasis, workers: readonly string[]): PlanBasis {
  return { ...basis, crew: { ...basis.crew, workers } };
}
