// Seats: which worker takes which place of a shape, so that little state moves. Pure; it knows names only, and what the
// plan before had.
import { present } from '../core/invariant.js';
import type { Plan } from '../core/plan.js';

/**
 * R rows of K workers. A worker that stays in a replica's place needs no new blocks; the freed ones fill the new places
 * in order. `workers` are at least K R.
 */
export function seatWorkers(before: Plan | null, workers: readonly string[], K: number, R: number): string[][] {
  const free = [...workers];
  const take = (wanted: string | undefined): string => {
    const at = wanted === undefined ? -1 : free.indexOf(wanted);
    return present(free.splice(at < 0 ? 0 : at, 1)[0], 'free worker');
  };
  const staying = Array.from({ length: R }, (_, replica) => {
    const seated = new Set(before?.replicas[replica]?.stages.map(({ worker }) => worker));
    return [...seated].slice(0, K).filter((worker) => workers.includes(worker));
  });
  // Those that stay are seated before the free ones are handed out.
  const all = new Set(staying.flat());
  const newcomers = free.filter((worker) => !all.has(worker));
  return staying.map((row) => Array.from({ length: K }, (_, place) => take(row[place] ?? newcomers.shift())));
}
