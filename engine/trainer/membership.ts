// Membership: what a run does at a step boundary when workers came, want to go or are gone. It asks the replanner and
// lets the plan be adopted; it holds nothing itself.
import type { Coordinator } from '../coordinator/coordinator.js';
import type { Member } from '../coordinator/member.js';
import { seatOf } from '../core/plan.js';
import type { RunEventBody } from '../events/events.js';
import type { Planned, PlanRequest, Replanner } from '../planning/replanner.js';

export interface MembershipScene {
  readonly step: number;
  readonly emit: (event: RunEventBody) => void;
  readonly request: (because: string) => PlanRequest;
  readonly adopt: (planned: Planned) => Promise<void>;
}

export function joinedEvent({ worker, pid, device, origin }: Member): RunEventBody {
  return {
    type: 'worker.joined',
    worker,
    pid,
    device,
    ...(origin === undefined ? {} : { origin: { name: origin.name, host: origin.host } }),
  };
}

/** Puts newcomers to use where that pays, and lets those go that want to, without a step lost or done twice. */
export async function regardMembers(
  coordinator: Coordinator,
  replanner: Replanner,
  { step, emit, request, adopt }: MembershipScene,
): Promise<void> {
  const { joined, leaving, gone } = coordinator.takeNews();
  for (const { worker, reason } of gone) emit({ type: 'worker.lost', worker, reason });
  for (const member of joined) emit(joinedEvent(member));
  const staying = coordinator.workers.filter((worker) => !leaving.includes(worker));
  if (staying.length === 0) {
    coordinator.keep(leaving);
    emit({
      type: 'warning',
      message:
        `worker ${leaving.join(', ')} cannot leave: nobody else is there; stop the run instead, or add a ` +
        'worker first',
    });
    return;
  }
  const current = replanner.current;
  const isSeated = (worker: string): boolean => current !== null && seatOf(current, worker) !== null;
  const because = [
    ...(leaving.length > 0 ? [`${leaving.join(', ')} leaves`] : []),
    ...(joined.length > 0 ? [`${joined.map(({ worker }) => worker).join(', ')} joined`] : []),
  ].join(', ');
  const planned = leaving.some(isSeated)
    ? replanner.forWorkers(staying, request(because))
    : replanner.forMore(staying, request(because));
  if (planned !== null) await adopt(planned);
  for (const worker of leaving) {
    await coordinator.dismiss(worker);
    emit({ type: 'worker.left', worker, step });
  }
}
