// Recruitment: starts worker processes of this host, waits until they have come, and lets them load the run. Workers
// that come from outside are admission.ts's business.
import { newSecret } from '../protocol/colleagues.js';
import type { RunMeans } from '../protocol/invitation.js';
import type { Order } from '../protocol/messages.js';
import type { Member } from './member.js';
import type { Port } from './port.js';
import type { RollCall } from './roll-call.js';
import type { Roster } from './roster.js';
import type { LinkHandlers } from './worker-link.js';
import { WorkerProcess } from './worker-process.js';

/** A worker has this long to start, load the data and compile. */
export const START_TIMEOUT_MS = 120_000;

export interface RecruitmentOptions {
  readonly roster: Roster;
  readonly calls: RollCall;
  readonly port: Port;
  readonly handlers: LinkHandlers;
  /** What the run is, for own workers; and what they are told when they are started. */
  readonly setup: () => Order;
  readonly means: RunMeans;
}

export class Recruitment {
  readonly #options: RecruitmentOptions;

  constructor(options: RecruitmentOptions) {
    this.#options = options;
  }

  /** Starts the processes of `count` workers, which take part from now on. They load their code meanwhile. */
  invite(count: number): WorkerProcess[] {
    const { roster, port, handlers, means: run } = this.#options;
    const { own: url, local, token } = port.entrance;
    return Array.from({ length: count }, () => {
      const [worker, pass] = [roster.nextName(), newSecret()];
      const invitation = { url, local, token, worker, pass, host: port.host, trust: port.trust, own: null, run };
      const link = new WorkerProcess(invitation, handlers);
      roster.add(link);
      return link;
    });
  }

  /** Waits until invited workers have come, and until each has loaded the model and the data. */
  async setUp(workers: readonly WorkerProcess[]): Promise<Member[]> {
    const { roster, calls, setup } = this.#options;
    await calls.within(START_TIMEOUT_MS, 'start', Promise.all(workers.map(({ arrived }) => arrived)));
    const ids = workers.map(({ id }) => id);
    const ready = await calls.ask(ids, setup(), 'ready', START_TIMEOUT_MS);
    return [...ready].map(([worker, report]) => roster.enlist(roster.get(worker), report));
  }
}
