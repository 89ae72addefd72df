// Recompute: which stages keep nothing between a forward and its backward but their input, and compute the forward once
// more before the backward. It trades time for memory and changes no bit. Pure data; the stage runner does it.
import { type BlockCost, sumCosts } from './costs.js';

/** `auto`: where a stage would not fit otherwise. A list names stages. */
export type RecomputeMode = 'off' | 'on' | 'auto' | readonly number[];

/** The mode as written in a configuration: off, on, auto, or stages such as `0,1`. */
export function parseRecompute(text: string): RecomputeMode {
  return text === 'off' || text === 'on' || text === 'auto' ? text : text.split(',').map(Number);
}

export interface RecomputeQuestion {
  readonly mode: RecomputeMode;
  readonly stage: number;
  /** Most micro-batches the stage holds at once. */
  readonly live: number;
  /** Bytes it needs without recomputation. */
  readonly plainBytes: number;
  /** Bytes above which `auto` recomputes, or null. */
  readonly limit: number | null;
}

/**
 * Whether a stage recomputes. One that holds a single micro-batch never does: its backward follows its forward at once.
 */
export function recomputes({ mode, stage, live, plainBytes, limit }: RecomputeQuestion): boolean {
  if (live <= 1 || mode === 'off') return false;
  if (mode === 'on') return true;
  return mode === 'auto' ? limit !== null && plainBytes > limit : mode.includes(stage);
}

/**
 * The costs with the second forward of the recomputed runs counted into the backward; `runs` are [from, to) of the
 * stages.
 */
export function withRecompute(
  costs: readonly BlockCost[],
  runs: readonly { readonly from: number; readonly to: number }[],
  recompute: readonly boolean[],
): readonly BlockCost[] {
  return costs.map((cost, block) => {
    const stage = runs.findIndex(({ from, to }) => from <= block && block < to);
    return recompute[stage] === true ? { ...cost, backwardMs: cost.backwardMs + cost.forwardMs } : cost;
  });
}

/** Milliseconds that recomputing the blocks [from, to) adds per micro-batch. */
export const recomputeMs = (costs: readonly BlockCost[], from: number, to: number): number =>
  sumCosts(costs, from, to).forwardMs;
