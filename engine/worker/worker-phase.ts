// WorkerPhase: what a worker is able to do at a time: it joins, and then it works. A phase obeys orders one at a time;
// in which order they come, and what becomes of an order that fails, is the business of worker.ts.
import type { Peer } from '../comm/peer.js';
import type { Plan } from '../core/plan.js';
import type { OwnMeans, RunMeans } from '../protocol/invitation.js';
import type { Order, Report } from '../protocol/messages.js';
import type { PortSettings } from './worker-port.js';

/** Where a worker process stands in the world, before it knows anything of the run. */
export interface WorkerHost {
  readonly worker: string;
  readonly port: PortSettings;
  /** The connection to the coordinator. */
  readonly home: Peer;
  /** What a worker that joined uses whatever the run says; null where the coordinator started it. */
  readonly own: OwnMeans | null;
  /** What the coordinator's own workers were told when they were started; null for one that joined. */
  readonly run: RunMeans | null;
  report(report: Report): void;
  /** Called with every plan this worker takes part in or is left out of. */
  readonly onSeat?: (plan: Plan) => void;
}

export interface WorkerPhase {
  /** The worker that this one waits for at the moment, or null. */
  readonly waitsFor: string | null;
  /** Carries an order out. Resolves to the phase that the worker is in then. */
  obey(order: Order): Promise<WorkerPhase>;
  /** Gives the neighbours a sign of life, and looks for theirs. */
  beat(): void;
  /** Takes plans that may come next. */
  expect(plans: readonly Plan[]): void;
  /** Ends every wait for a neighbour. */
  interrupt(): void;
  /** Gives up what is being done for a plan, and reports that. */
  abandon(): void;
  close(): Promise<void>;
}
