// Partition: a cut of the active blocks into K contiguous non-empty runs, one per stage; pure data. Here the exact
// optimum; the paper's greedy rule is in paper-partition.ts.
import { UsageError } from '../engine/core/errors.js';
import { invariant, present } from '../engine/core/invariant.js';
import type { BlockCost } from './costs.js';

/** First block of every stage; stage s holds the blocks from its start to the next one's, the last stage to the end. */
export type Cuts = readonly number[];

/** Code PT_TOO_MANY_STAGES. */
export class PartitionError extends UsageError {
  constructor(message: string, hint: string) {
    super('PT_TOO_MANY_STAGES', message, hint);
  }
}

export interface PartitionInput {
  readonly costs: readonly BlockCost[];
  /** The blocks [0, frozen) belong to no stage. */
  readonly frozen: number;
  /** K. */
  readonly stages: number;
  /** Time stage 0 spends per micro-batch besides its blocks: the frozen forward, or the read of its cache. */
  readonly extraMs?: number;
  /** Most bytes of a worker, or null. */
  readonly memoryLimit?: number | null;
  /** Bytes that stage `stage` needs for the blocks [from, to); asked only under a limit. */
  readonly memoryOf?: (stage: number, from: number, to: number) => number;
  /**
   * Time that stage `stage` spends per micro-batch on the blocks [from, to) besides one forward and one backward: a
   * second forward. Default: 0.
   */
  readonly repeatMsOf?: (stage: number, from: number, to: number) => number;
  /** How many times as long as the costs say everything takes on stage `stage`. Default: 1. */
  readonly slownessOf?: (stage: number) => number;
}

/** [from, to) of every stage. */
export const runsOf = (cuts: Cuts, numBlocks: number): { readonly from: number; readonly to: number }[] =>
  cuts.map((from, stage) => ({ from, to: cuts[stage + 1] ?? numBlocks }));

/** Throws a PartitionError where `stages` stages cannot all have an active block. */
export function requireBlocks(stages: number, numBlocks: number, frozen: number): void {
  const active = numBlocks - frozen;
  if (stages > active)
    throw new PartitionError(
      `${stages} pipeline stages need ${stages} active blocks, but there are ${active} (${numBlocks} blocks, ` +
        `${frozen} of them frozen)`,
      `Use --pipeline ${Math.max(1, active)} or less, or --pipeline auto.`,
    );
}

/**
 * The partition whose largest stage time (forward + backward of its blocks, plus `extraMs` on stage 0, times the
 * slowness of the stage) is smallest, by dynamic programming in O(K n^2). Of equal ones the lexicographically smallest
 * cut list, which keeps early stages, the ones with most micro-batches in flight, small. Null where no partition
 * respects the memory limit. Throws a PartitionError where there are more stages than active blocks.
 */
export function exactPartition(input: PartitionInput): Cuts | null {
  const { costs, frozen, stages } = input;
  const numBlocks = costs.length;
  invariant(
    stages > 0 && 0 <= frozen && frozen <= numBlocks,
    () => `partition of ${numBlocks} blocks, ${frozen} frozen, into ${stages}`,
  );
  requireBlocks(stages, numBlocks, frozen);
  const timeOf = runTimes(input);
  const worstOf = worstTimes(input, timeOf);
  const best = worstOf(0, frozen);
  if (best === Infinity) return null;

  const cuts: number[] = [];
  for (let k = 0, i = frozen; k < stages; k++) {
    cuts.push(i);
    let j = i + 1;
    while (Math.max(timeOf(k, i, j), worstOf(k + 1, j)) > best) j++;
    i = j;
  }
  return cuts;
}

type RunTime = (stage: number, from: number, to: number) => number;

/** What a stage takes for the blocks [from, to), in nanoseconds; infinite where they do not fit on it. */
function runTimes(input: PartitionInput): RunTime {
  const { costs, extraMs = 0, memoryLimit = null, memoryOf, repeatMsOf = () => 0, slownessOf = () => 1 } = input;
  // Integers per block: sums must not depend on where they start, or ties would be broken by rounding.
  const units = costs.map(({ forwardMs, backwardMs }) => Math.round((forwardMs + backwardMs) * 1e6));
  const before = [0];
  for (const unit of units) before.push(present(before.at(-1), 'sum') + unit);
  const extra = Math.round(extraMs * 1e6);
  return (stage, from, to) => {
    if (memoryLimit !== null && memoryOf !== undefined && memoryOf(stage, from, to) > memoryLimit) return Infinity;
    const units =
      present(before[to], 'sum') -
      present(before[from], 'sum') +
      (stage === 0 ? extra : 0) +
      Math.round(repeatMsOf(stage, from, to) * 1e6);
    return Math.round(units * slownessOf(stage));
  };
}

/** The smallest possible largest time of the stages k.. for the blocks [i, n), for every k and i. */
function worstTimes(
  { costs, frozen, stages }: PartitionInput,
  timeOf: RunTime,
): (stage: number, from: number) => number {
  const numBlocks = costs.length;
  const worst = Array.from({ length: stages + 1 }, () => new Array<number>(numBlocks + 1).fill(Infinity));
  const worstOf = (stage: number, from: number): number => present(worst[stage]?.[from], 'table');
  present(worst[stages], 'table')[numBlocks] = 0;
  for (let k = stages - 1; k >= 0; k--) {
    const row = present(worst[k], 'table');
    for (let i = k === 0 ? frozen : frozen + k; i < (k === 0 ? frozen + 1 : numBlocks); i++)
      for (let j = i + 1; j <= numBlocks; j++)
        row[i] = Math.min(present(row[i], 'table'), Math.max(timeOf(k, i, j), worstOf(k + 1, j)));
  }
  return worstOf;
}
