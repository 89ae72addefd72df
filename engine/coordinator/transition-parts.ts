// TransitionParts: what the adoption of a plan consisted of, from what the workers report, and the event that tells it.
// The slowest worker counts, since all wait for it.
import { type Plan, shapeOf } from '../core/plan.js';
import type { RunEventBody } from '../events/events.js';
import type { ReportOf } from '../protocol/messages.js';

export interface Adoption {
  readonly movedBytes: number;
  /** Making the state of blocks available: copies, initial values, reads of snapshots. */
  readonly stateMs: number;
  readonly programs: {
    /** Tracing, lowering and loading. */
    readonly ms: number;
    /** Blocks traced, over all workers, as are the rest. */
    readonly traced: number;
    readonly kept: number;
    readonly fromDisk: number;
    readonly compiled: number;
  };
}

export function adoptionOf(prepared: Iterable<ReportOf<'prepared'>>, active: Iterable<ReportOf<'active'>>): Adoption {
  const states = [...prepared];
  const programs = [...active].map((report) => report.programs);
  const sum = (key: keyof Adoption['programs']): number => programs.reduce((total, one) => total + one[key], 0);
  return {
    movedBytes: states.reduce((total, one) => total + one.movedBytes, 0),
    stateMs: Math.max(0, ...states.map((one) => one.stateMs)),
    programs: {
      ms: Math.max(0, ...programs.map(({ ms }) => ms)),
      traced: sum('traced'),
      kept: sum('kept'),
      fromDisk: sum('fromDisk'),
      compiled: sum('compiled'),
    },
  };
}

/** What a trainer knows of a transition that ends now. Times are of `performance.now()`, spans in milliseconds. */
export interface TransitionTimes {
  readonly step: number;
  readonly before: Plan;
  readonly plan: Plan;
  readonly begin: number;
  /** When all workers had adopted the plan; what follows is the snapshot. */
  readonly adopted: number;
  readonly planMs: number;
  readonly drainMs: number;
  readonly adoption: Adoption;
}

export function transitionEvent({
  step,
  before,
  plan,
  begin,
  adopted,
  planMs,
  drainMs,
  adoption,
}: TransitionTimes): Extract<RunEventBody, { type: 'transition' }> {
  const { movedBytes, stateMs, programs } = adoption;
  const now = performance.now();
  const connectMs = Math.max(0, adopted - begin - planMs - stateMs - programs.ms);
  const parts = { drainMs, planMs, stateMs, compileMs: programs.ms, connectMs, snapshotMs: now - adopted };
  return {
    type: 'transition',
    step,
    generation: plan.generation,
    from: shapeOf(before),
    to: shapeOf(plan),
    frozen: plan.frozen,
    seconds: (now - begin) / 1000,
    movedBytes,
    parts,
  };
}
