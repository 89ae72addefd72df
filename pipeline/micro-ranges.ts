// MicroRange: the consecutive micro-batches of the global batch that one replica works on. Sums of gradients follow one
// binary tree over the micro-batch index, whose nodes are the ranges [i 2^l, (i+1) 2^l); a range made of few whole
// nodes sends few sums.
import { invariant, present } from '../engine/core/invariant.js';

export interface MicroRange {
  readonly start: number;
  readonly count: number;
}

/** How many whole tree nodes make up the range. */
export function treeNodes({ start, count }: MicroRange): number {
  let nodes = 0;
  for (let at = start, left = count; left > 0; nodes++) {
    const aligned = at === 0 ? Infinity : at & -at;
    const size = Math.min(aligned, 2 ** Math.floor(Math.log2(left)));
    at += size;
    left -= size;
  }
  return nodes;
}

/**
 * Ranges of `numMicroBatches` (G) over `replicas` (R <= G): consecutive, sizes that differ by at most one, and of those
 * the choice with the fewest tree nodes in all (larger ranges first where that is equal). When G / R is a power of two
 * every range is one node.
 */
export function splitMicroBatches(numMicroBatches: number, replicas: number): MicroRange[] {
  invariant(
    replicas > 0 && replicas <= numMicroBatches,
    () => `${numMicroBatches} micro-batches over ${replicas} replicas`,
  );
  const small = Math.floor(numMicroBatches / replicas);
  const numLarge = numMicroBatches % replicas;
  // fewest[r][x]: nodes of the replicas r.. when x of the replicas before r were large.
  const fewest = Array.from({ length: replicas + 1 }, () => new Array<number>(numLarge + 2).fill(Infinity));
  const fewestOf = (r: number, large: number): number => present(fewest[r]?.[large], 'table');
  const nodesFrom = (r: number, large: number, isLarge: boolean): number =>
    treeNodes({ start: r * small + large, count: small + Number(isLarge) }) + fewestOf(r + 1, large + Number(isLarge));
  present(fewest[replicas], 'table')[numLarge] = 0;
  for (let r = replicas - 1; r >= 0; r--)
    for (let large = Math.min(r, numLarge); large >= 0; large--)
      present(fewest[r], 'table')[large] = Math.min(nodesFrom(r, large, true), nodesFrom(r, large, false));
  let large = 0;
  return Array.from({ length: replicas }, (_, r) => {
    const isLarge = nodesFrom(r, large, true) <= nodesFrom(r, large, false) && fewestOf(r + 1, large + 1) < Infinity;
    const range = { start: r * small + large, count: small + Number(isLarge) };
    large += Number(isLarge);
    return range;
  });
}
