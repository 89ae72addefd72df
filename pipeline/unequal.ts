// Unequal workers: which of them take which places of a shape, and how much longer a stage takes there. Pure; a worker
// is its number, and its slowness is how many times as long as the costs say it takes.
import { invariant, present } from '../engine/core/invariant.js';
import { type MicroRange, splitMicroBatches } from './micro-ranges.js';

/** Where the workers of a shape go. */
export interface Placement {
  /**
   * Per replica, per place of its pipeline, the number of a worker; null where all are equally fast and anybody may sit
   * anywhere.
   */
  readonly seats: readonly (readonly number[])[] | null;
  /** Per replica. */
  readonly ranges: readonly MicroRange[];
  /**
   * Per place of a pipeline, how many times as long as the costs say a stage takes there: that of the slowest replica,
   * which all others wait for.
   */
  readonly slowness: readonly number[];
}

/** Whether it makes no difference who sits where. */
const areEqual = (slowness: readonly number[]): boolean => slowness.every((one) => one === slowness[0]);

/**
 * The K R fastest workers. Without a pipeline every replica gets micro-batches by its speed; the stages of a pipeline
 * are by the partition as large as their place is fast, and one place of all replicas has workers as alike as there
 * are.
 */
export function placeWorkers(slowness: readonly number[], K: number, R: number, numMicroBatches: number): Placement {
  invariant(K * R <= slowness.length, () => `${K * R} seats for ${slowness.length} workers`);
  if (areEqual(slowness))
    return {
      seats: null,
      ranges: splitMicroBatches(numMicroBatches, R),
      slowness: new Array<number>(K).fill(slowness[0] ?? 1),
    };
  const speedOf = (worker: number): number => present(slowness[worker], 'slowness');
  // Sorting is stable: of equally fast ones those that came first.
  const chosen = [...slowness.keys()].sort((a, b) => speedOf(a) - speedOf(b)).slice(0, K * R);
  const seats = Array.from({ length: R }, (_, replica) =>
    Array.from({ length: K }, (_, place) => present(chosen[place * R + replica], 'worker')),
  );
  if (K > 1) {
    const slowest = Array.from({ length: K }, (_, place) =>
      Math.max(...chosen.slice(place * R, (place + 1) * R).map(speedOf)),
    );
    return { seats, ranges: splitMicroBatches(numMicroBatches, R), slowness: slowest };
  }
  const counts = sharesOf(chosen.map(speedOf), numMicroBatches);
  const ranges = counts.map((count, replica) => ({
    start: counts.slice(0, replica).reduce((sum, one) => sum + one, 0),
    count,
  }));
  const longest = Math.max(...counts.map((count, replica) => count * speedOf(present(chosen[replica], 'worker'))));
  return { seats, ranges, slowness: [longest / Math.max(...counts)] };
}

/**
 * One micro-batch for each, and every further one to whoever is done first with it: the largest time is the smallest
 * there is.
 */
function sharesOf(slowness: readonly number[], total: number): number[] {
  invariant(slowness.length <= total, () => `${total} micro-batches over ${slowness.length} replicas`);
  const counts = slowness.map(() => 1);
  const timeWithOneMore = (replica: number): number =>
    (present(counts[replica], 'count') + 1) * present(slowness[replica], 'slowness');
  for (let left = total - slowness.length; left > 0; left--) {
    const next = [...counts.keys()].reduce((best, replica) =>
      timeWithOneMore(replica) < timeWithOneMore(best) ? replica : best,
    );
    counts[next] = present(counts[next], 'count') + 1;
  }
  return counts;
}
