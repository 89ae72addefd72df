// Regroup: brings the workers to a state from which a new plan can start after a failure: the lost are gone, everybody
// else has given up what it did, and replacements are ready. It decides no plan and restores no state.
import type { PlanInForce } from '../protocol/plan-in-force.js';
import type { LostMember, Member, Regrouping } from './member.js';
import type { Recruitment } from './recruitment.js';
import type { RollCall } from './roll-call.js';
import type { Roster } from './roster.js';
import type { Trouble } from './trouble.js';

export interface RegroupMeans {
  readonly roster: Roster;
  readonly plans: PlanInForce;
  readonly trouble: Trouble;
  readonly calls: RollCall;
  readonly recruitment: Recruitment;
  /** Makes sure that a worker is gone, with all that it left. */
  readonly cutOff: (worker: string) => Promise<void>;
  /** Everybody has this long to give up what it does. */
  readonly timeoutMs: number;
}

/** Starts at most `maxNew` workers. Losses meanwhile are dealt with; throws any other failure. */
export async function regroup(means: RegroupMeans, maxNew: number): Promise<Regrouping> {
  const { roster, plans, trouble, calls, recruitment, cutOff, timeoutMs } = means;
  plans.abandon();
  const lost = new Map<string, LostMember>();
  const joined = new Map<string, Member>();
  const target = roster.ids.length;
  const { numOwn } = roster;
  let numStarted = 0;
  const forgetReports = (): void => {
    for (const link of roster.links) link.forget();
  };
  for (;;) {
    // Started beside one that was lost while it started: it knows nothing yet, and another one may as well be asked.
    const unready = roster.ids.filter((worker) => !roster.isReady(worker) && !trouble.lost.has(worker));
    numStarted -= unready.length;
    for (const id of unready) await cutOff(id);
    // Whoever is lost while others are dismissed is met by this loop too.
    for (const [id, reason] of trouble.lost) {
      lost.set(id, { worker: id, reason, isOwn: roster.find(id)?.isOwn ?? lost.get(id)?.isOwn ?? true });
      joined.delete(id);
      await cutOff(id);
    }
    trouble.settle();
    forgetReports();
    try {
      await calls.ask(roster.ids, { type: 'abort' }, 'aborted', timeoutMs);
      // What they reported before they gave up has arrived by now, and means nothing any more.
      forgetReports();
      // Spares that joined come first; and nobody can start a worker again that joined from elsewhere.
      const numSpares = roster.links.filter(({ isOwn, id }) => !isOwn && !plans.seats(id)).length;
      const count = Math.min(target - roster.ids.length - numSpares, numOwn - roster.numOwn, maxNew - numStarted);
      if (count <= 0) break;
      numStarted += count;
      for (const member of await recruitment.setUp(recruitment.invite(count))) joined.set(member.worker, member);
      break;
    } catch (error) {
      if (trouble.lost.size === 0) throw error;
    }
  }
  return { lost: [...lost.values()], joined: [...joined.values()], numStarted };
}
