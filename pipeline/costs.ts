// BlockCost: what one block costs on this device, measured by someone else. Times and bytes only; it knows no plan.
import { invariant } from '../engine/core/invariant.js';

export interface BlockCost {
  readonly name: string;
  /** Per micro-batch. */
  readonly forwardMs: number;
  /** Per micro-batch, input and weight gradient together. */
  readonly backwardMs: number;
  /**
   * The two halves of a backward that is split (I and W); together they may take longer than the whole. Default: half
   * of it each.
   */
  readonly inputGradientMs?: number;
  readonly weightGradientMs?: number;
  /** Kept from I to W of a split backward, per micro-batch. Default: 0. */
  readonly carriedBytes?: number;
  readonly parameterBytes: number;
  readonly optimizerBytes: number;
  readonly gradientBytes: number;
  /**
   * What is kept besides the parameters where the block is frozen, because it shares one with a block that may train:
   * optimizer state, and the sum of its gradients. Default: 0.
   */
  readonly frozenBytes?: number;
  /** Kept from forward to backward, per micro-batch. */
  readonly savedBytes: number;
  /** What the next block gets, per micro-batch. */
  readonly outputBytes: number;
}

/** The sums over a run of blocks. */
export type RunCost = Required<Omit<BlockCost, 'name'>>;

/** Costs of the blocks [from, to): everything adds up but `outputBytes`, which is that of the last block. */
export function sumCosts(costs: readonly BlockCost[], from: number, to: number): RunCost {
  invariant(0 <= from && from <= to && to <= costs.length, () => `blocks [${from}, ${to}) of ${costs.length}`);
  const sum = {
    forwardMs: 0,
    backwardMs: 0,
    inputGradientMs: 0,
    weightGradientMs: 0,
    carriedBytes: 0,
    parameterBytes: 0,
    optimizerBytes: 0,
    gradientBytes: 0,
    frozenBytes: 0,
    savedBytes: 0,
    outputBytes: 0,
  };
  for (const cost of costs.slice(from, to)) {
    sum.forwardMs += cost.forwardMs;
    sum.backwardMs += cost.backwardMs;
    sum.inputGradientMs += cost.inputGradientMs ?? cost.backwardMs / 2;
    sum.weightGradientMs += cost.weightGradientMs ?? cost.backwardMs / 2;
    sum.carriedBytes += cost.carriedBytes ?? 0;
    sum.parameterBytes += cost.parameterBytes;
    sum.optimizerBytes += cost.optimizerBytes;
    sum.gradientBytes += cost.gradientBytes;
    sum.frozenBytes += cost.frozenBytes ?? 0;
    sum.savedBytes += cost.savedBytes;
    sum.outputBytes = cost.outputBytes;
  }
  return sum;
}

/** What a stage keeps otherwise than one that computes its own blocks alone, and their backward whole. */
export interface StageKeeping {
  /** Blocks of the frozen prefix that it also holds. Default: none. */
  readonly frozen?: number;
  /** Default: no. */
  readonly isRecomputed?: boolean;
  /** Default: no. */
  readonly splitsBackward?: boolean;
}

/**
 * Bytes a worker holds that runs the blocks [from, to) with `live` micro-batches in flight: parameters, optimizer
 * state and gradients once; saved activations and the output per micro-batch in flight; for the stage that also holds
 * the frozen prefix (`frozen` blocks) its parameters, what it keeps of shared ones and one output of it per
 * micro-batch in flight; where the backward is split, what its halves carry over. A stage that recomputes holds the
 * saved activations of one micro-batch only. Not counted: code, runtimes, scratch memory inside an operator, the
 * cache.
 */
export function stageMemory(
  costs: readonly BlockCost[],
  from: number,
  to: number,
  live: number,
  { frozen = 0, isRecomputed = false, splitsBackward = false }: StageKeeping = {},
): number {
  const own = sumCosts(costs, from, to);
  const prefix = sumCosts(costs, 0, frozen);
  const state =
    own.parameterBytes + own.optimizerBytes + own.gradientBytes + prefix.parameterBytes + prefix.frozenBytes;
  return (
    state +
    (isRecomputed ? 1 : live) * own.savedBytes +
    live * (own.outputBytes + prefix.outputBytes + (splitsBackward ? own.carriedBytes : 0))
  );
}
