// Posting: what one plan means to one worker: the plan, the seat that the worker has by it, and who keeps its
// snapshots. Of two kinds: prepared, before the plan is in force, and held.
import { type Plan, seatOf } from '../core/plan.js';
import type { PreparedSeating } from './prepared-seating.js';
import type { Seating } from './seating.js';

interface PostingOf<S> {
  readonly plan: Plan;
  /** The replica that snapshots and checkpoints are taken from. */
  readonly keeper: number;
  /** Null where the plan leaves this worker out. */
  readonly seating: S | null;
}

export type PreparedPosting = PostingOf<PreparedSeating>;
export type Posting = PostingOf<Seating>;

/** Whether snapshots and checkpoints are taken from what `worker` holds. */
export const isKeeper = ({ plan, keeper }: Posting, worker: string): boolean =>
  seatOf(plan, worker)?.replica === keeper;
