// CoordinatorParts: what a coordinator is made of before its port is open: who takes part, what was asked of them, what
// went wrong, and who may come in. It puts the parts together and does nothing else.
import { RunMemory } from '../memory/run-memory.js';
import { PlanInForce } from '../protocol/plan-in-force.js';
import { StateKeeper } from '../state/state-keeper.js';
import { StatusBoard } from '../status/status-board.js';
import { Admission } from './admission.js';
import type { CoordinatorOptions } from './coordinator-options.js';
import { Departures } from './departures.js';
import { Gate } from './gate.js';
import { RollCall } from './roll-call.js';
import { Roster } from './roster.js';
import { RunPhase } from './run-phase.js';
import { setupOrder } from './setup-order.js';
import { signsOfLife } from './status-desk.js';
import { Trouble } from './trouble.js';
import type { LinkHandlers, WorkerLink } from './worker-link.js';

/** Who takes part in the run, who comes, and who goes. */
export interface Membership {
  readonly roster: Roster;
  readonly departures: Departures;
  readonly admission: Admission;
  readonly gate: Gate;
}

export interface CoordinatorParts {
  readonly phase: RunPhase;
  readonly memory: RunMemory;
  readonly membership: Membership;
  readonly plans: PlanInForce;
  readonly trouble: Trouble;
  readonly calls: RollCall;
  readonly state: StateKeeper;
  /** What becomes of what a worker reports, once it takes part. */
  readonly handlers: LinkHandlers;
}

/** Throws a UsageError (PT_MEMORY_DIR, PT_CACHE_DIR) where a folder of the run cannot be used. */
export function makeParts(options: CoordinatorOptions): CoordinatorParts {
  const { config, status = (signs) => new StatusBoard().status(signs) } = options;
  const phase = new RunPhase();
  const memory = new RunMemory(config);
  const roster = new Roster();
  const departures = new Departures();
  const plans = new PlanInForce();
  const trouble = new Trouble({ roster, departures, plans, phase, onFault: (link) => admission.bar(link) });
  const calls = new RollCall({
    linkOf: (id) => roster.find(id),
    onTrouble: (end) => trouble.onFirst(end),
    onSilent: (error) => trouble.note(error, error.worker),
  });
  const state = new StateKeeper({
    folder: memory.shared.path,
    model: () => phase.run.model(),
    plans,
    calls,
    timeoutMs: config.stepTimeoutSeconds * 1000,
    isHome: (worker) => roster.domainOf(worker) === memory.shared.probe,
  });
  const handlers: LinkHandlers = {
    onFailure: (error, worker) => trouble.note(error, worker),
    onDropped: (worker, reason) => phase.dropped(worker, reason),
    onState: (message, worker, peer) => state.take(message, worker, peer),
    facts: () => phase.facts,
    onReport: (report, worker) => {
      if (report.type === 'dropped') phase.dropped(`${report.peer} at worker ${worker}`, report.reason);
      if (report.type === 'leaving' && roster.has(worker)) departures.wish(worker);
      phase.reported(report, worker);
    },
  };
  const admission = new Admission({
    heartbeatSeconds: config.heartbeatSeconds,
    nextName: () => roster.nextName(),
    numMembers: () => roster.ids.length,
    setup: () => setupOrder(options, memory, false, phase.run.digests()),
    handlers,
    onRefused: (worker, reason) => phase.run.onRefused(worker, reason),
  });
  const gate = new Gate({
    phase,
    roster,
    admission,
    status: () => status(signsOfLife(connected({ roster, admission }), departures.leaving)),
  });
  return { phase, memory, membership: { roster, departures, admission, gate }, plans, trouble, calls, state, handlers };
}

/** Everybody who takes part or is about to. */
export function connected({ roster, admission }: Pick<Membership, 'roster' | 'admission'>): WorkerLink[] {
  return [...roster.links, ...admission.waiting];
}
