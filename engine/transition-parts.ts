// TransitionParts: what the adoption of a plan consisted of, from what the workers report. The slowest worker counts, since all wait for it.
import type { ReportOf } from './messages.js';

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
    programs: { ms: Math.max(0, ...programs.map(({ ms }) => ms)), traced: sum('traced'), kept: sum('kept'), fromDisk: sum('fromDisk'), compiled: sum('compiled') },
  };
}
