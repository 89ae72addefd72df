// Membership: what a run does at a step boundary when workers came, want to go or are gone: it asks for a plan that
// uses those or does without these. It holds nothing itself.
import type { Member } from '../coordinator/member.js';
import { seatOf } from '../core/plan.js';
import type { RunEventBody } from '../events/events.js';
import type { PlanAdoption } from './plan-adoption.js';
import type { RunScene } from './run-scene.js';

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
  { host: { emit }, coordinator, stand }: RunScene,
  adoption: PlanAdoption,
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
  const isSeated = (worker: string): boolean => seatOf(adoption.plan, worker) !== null;
  const because = [
    ...(leaving.length > 0 ? [`${leaving.join(', ')} leaves`] : []),
    ...(joined.length > 0 ? [`${joined.map(({ worker }) => worker).join(', ')} joined`] : []),
  ].join(', ');
  const request = stand.request(because);
  if (leaving.some(isSeated)) await adoption.forFewer(staying, request);
  else await adoption.forMore(staying, request);
  for (const worker of leaving) {
    await coordinator.dismiss(worker);
    emit({ type: 'worker.left', worker, step: stand.step });
  }
}
