// Member: a worker that takes part in a run, and what is told of those that come and go. Types only.
import type { Origin } from './joined-worker.js';

export interface Member {
  readonly worker: string;
  readonly pid: number;
  readonly device: string;
  /** Where one that joined comes from. */
  readonly origin?: Origin;
}

/** What changed among the workers since the last step boundary. */
export interface MembershipNews {
  readonly joined: readonly Member[];
  /** Those that want to go; they work on until they are dismissed. */
  readonly leaving: readonly string[];
  /** Those that were lost while they had no seat: the run need not go back for them. */
  readonly gone: readonly { readonly worker: string; readonly reason: string }[];
}

export interface LostMember {
  readonly worker: string;
  readonly reason: string;
  /** Whether it was a worker of the run itself, and not one that had joined. */
  readonly isOwn: boolean;
}

/** What a recovery found and did. */
export interface Regrouping {
  readonly lost: readonly LostMember[];
  readonly joined: readonly Member[];
  /** Workers that were started, those that were lost again included. */
  readonly numStarted: number;
}
