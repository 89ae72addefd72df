// Interleaved 1F1B (Narayanan et al. 2021): every worker runs v chunks of the model, worker w the stages w, w + K, w +
// 2K, ... The pipeline is filled with chunks instead of whole stages, so that it idles a v-th of the time of 1F1B, for
// v times the transfers and more live activations.
import { invariant, present } from '../../engine/core/invariant.js';
import type { Action, ActionKind } from '../action.js';
import type { Schedule, ScheduleKind } from '../schedule.js';
import { ScheduleError } from '../schedule-error.js';

/**
 * The classic form for K workers, M micro-batches and v chunks per worker: K v stages. Micro-batches go through the
 * chunks in groups of K, so M must be a multiple of K: throws a ScheduleError otherwise.
 */
export function interleaved(workers: number, micros: number, chunks: number): Schedule {
  for (const [letter, value] of [
    ['K', workers],
    ['M', micros],
    ['v', chunks],
  ] as const)
    invariant(
      Number.isInteger(value) && value > 0,
      () => `schedule interleaved: ${letter}=${value} is not a positive integer`,
    );
  if (micros % workers !== 0)
    throw new ScheduleError(
      `the interleaved schedule sends micro-batches in groups of K, but M=${micros} is not a multiple of K=${workers}`,
      `Use ${workers * Math.ceil(micros / workers)} micro-batches, or another schedule.`,
    );
  const total = micros * chunks;
  // The n-th forward (backward) of a worker: K micro-batches of one chunk, then K of the next; after v chunks the next
  // K micro-batches.
  const nth = (worker: number, kind: ActionKind, n: number): Action => {
    const turn = Math.floor(n / workers) % chunks;
    const chunk = kind === 'F' ? turn : chunks - 1 - turn;
    return {
      stage: chunk * workers + worker,
      kind,
      micro: Math.floor(n / (workers * chunks)) * workers + (n % workers),
    };
  };
  const listOf = (worker: number): Action[] => {
    const forwards = Array.from({ length: total }, (_, n) => nth(worker, 'F', n));
    const backwards = Array.from({ length: total }, (_, n) => nth(worker, 'B', n));
    const warm = Math.min(total, 2 * (workers - 1 - worker) + (chunks - 1) * workers);
    const steady = forwards.slice(warm).flatMap((forward, n) => [forward, present(backwards[n], `backward ${n}`)]);
    return [...forwards.slice(0, warm), ...steady, ...backwards.slice(total - warm)];
  };
  const rows = Array.from({ length: workers }, (_, worker) => worker);
  return {
    name: 'interleaved',
    stages: workers * chunks,
    micros,
    workers: rows.map(listOf),
    ...(chunks === 1
      ? {}
      : { placement: rows.map((worker) => Array.from({ length: chunks }, (_, chunk) => chunk * workers + worker)) }),
  };
}

export const interleavedKind: ScheduleKind = { name: 'interleaved', chunks: 2, draw: interleaved };
