// Bells: the doorbells of a run: what each says, who may ring it, and for how long it means anything. A key is
// `KIND GENERATION STEP AT...`; `-` stands where there is no generation (before the first plan) or no step. The table:
//
//   F, B       activation, gradient of a micro-batch   the worker of the stage above, below
//   E, C       activation, free place of an evaluation the worker of the stage above, below
//   G, R       sums, reduced shards of a replica       the worker that holds them
//   S          reduced shards of shared parameters     the worker that holds them
//   fetched    a block was written                     the worker that was asked for it, or the coordinator
//   probe      hand-over probe                         the partner
//
// Whoever waits names the one it waits for; a bell of anybody else counts for nothing (comm/inbox.ts). Pure.

export type BellKind = 'F' | 'B' | 'E' | 'C' | 'G' | 'R' | 'S' | 'fetched' | 'probe';

/** When a bell rings. */
export interface BellTime {
  /** Null before the first plan. */
  readonly generation: number | null;
  /** Null for what belongs to no step. */
  readonly step: number | null;
}

/** Longest key: names of workers have at most 64 characters. */
export const MAX_KEY = 200;

const KEY = /^(?:[FBECGRS]|fetched|probe) (\d{1,15}|-) (\d{1,15}|-)(?: [\w-]{1,64}){1,3}$/;

/** The key of a bell; `at` says which one of its kind and time it is. */
export const bellKey = (kind: BellKind, { generation, step }: BellTime, ...at: readonly (string | number)[]): string =>
  `${kind} ${generation ?? '-'} ${step ?? '-'} ${at.join(' ')}`;

/** When the bell of a key rings, or null where it is no key. */
export function timeOf(key: string): BellTime | null {
  const [, generation, step] = (key.length <= MAX_KEY && KEY.exec(key)) || [];
  if (generation === undefined || step === undefined) return null;
  return { generation: numberOf(generation), step: numberOf(step) };
}

const numberOf = (text: string): number | null => (text === '-' ? null : Number(text));

/**
 * What a bell means to a worker that is at `now` (its step is null where it has none yet): it counts, it is `late` (it
 * was on its way when the work was given up), or `wrong`: nobody who follows the plan rings so. A neighbour may be one
 * step ahead, since no step ends before all have reported it, and may have ended no step that this one has not.
 */
export function standingOf(bell: BellTime, now: BellTime): 'counts' | 'late' | 'wrong' {
  if (bell.generation === null) return 'counts';
  if (now.generation === null || bell.generation > now.generation) return 'wrong';
  if (bell.generation < now.generation) return 'late';
  if (bell.step === null || now.step === null) return 'counts';
  return bell.step < now.step || bell.step > now.step + 1 ? 'wrong' : 'counts';
}
