// Snapshots: which snapshot in shared memory is whole, and when the next one is due. Two versions take turns; the older
// one is good until the newer one is complete. It holds no tensor: the workers write, it keeps count.
import type { Restore } from '../core/plan.js';
import type { FreezerState } from '../freezing/freezer.js';
import type { GrowerState } from '../growing/grower-state.js';
import type { ReportOf } from '../protocol/messages.js';
import type { ProgressState } from '../run/progress.js';

/** Steps that a recovery has to do again take about so long at most... */
const INTERVAL_MS = 1000;
/** ...but a snapshot that takes long, because it goes to another host, comes so much more rarely. */
const MAX_SHARE = 0.1;

/** Where the decisions of a run stand between two steps. */
export interface DecisionState {
  readonly freezer: FreezerState;
  readonly grower: GrowerState;
}

export interface Snapshot extends DecisionState {
  readonly version: number;
  /** Steps done when it was taken. */
  readonly steps: number;
  /** Where its tensors are. */
  readonly restore: Restore;
  /** Null until the step it is taken after is recorded: it cannot be whole before. */
  progress: ProgressState | null;
}

export class Snapshots {
  #last: Snapshot | null = null;
  #pending: Snapshot | null = null;
  #version = 0;
  #isFailing = false;
  #takenAt = -Infinity;
  #dueAt = -Infinity;

  /** The newest whole snapshot. */
  get last(): Snapshot | null {
    return this.#last;
  }

  /** Whether it is time for one, and none is being written. */
  isDue(now: number): boolean {
    return this.#pending === null && now >= this.#dueAt;
  }

  /** Begins one; the version names its files. */
  begin(steps: number, decisions: DecisionState, now: number, progress: ProgressState | null = null): Snapshot {
    this.#takenAt = now;
    this.#dueAt = now + INTERVAL_MS;
    const version = this.#version++;
    return (this.#pending = { version, steps, ...decisions, restore: { kind: 'snapshot', version }, progress });
  }

  /** The run goes back to a checkpoint: until the next snapshot is whole, that is what a recovery restores. */
  goBack(progress: ProgressState, decisions: DecisionState, name: string): void {
    this.abandon();
    const { steps } = progress;
    this.#last = { version: -1, steps, ...decisions, restore: { kind: 'checkpoint', name }, progress };
  }

  /**
   * The snapshot is whole, or `problem` says why not. Returns a warning where there is one to give: the first time, and
   * again after a whole one.
   */
  end(snapshot: Snapshot, problem: string | null, now = performance.now()): string | null {
    this.#dueAt = this.#takenAt + Math.max(INTERVAL_MS, (now - this.#takenAt) / MAX_SHARE);
    if (problem === null) {
      this.#isFailing = false;
      this.complete(snapshot);
      return null;
    }
    if (this.#pending !== snapshot) return null;
    this.abandon();
    const isNews = !this.#isFailing;
    this.#isFailing = true;
    const reach =
      this.#last === null
        ? 'a worker that is lost now ends the run'
        : `a worker that is lost now takes the run back to step ${this.#last.steps}`;
    return isNews ? `no snapshot could be written: ${problem}; until one can be, ${reach}` : null;
  }

  /** The snapshot is whole. Late news of one that was given up is ignored. */
  complete(snapshot: Snapshot): void {
    if (this.#pending !== snapshot) return;
    this.#last = snapshot;
    this.#pending = null;
  }

  /**
   * Gives up the one that is being written. Its files are torn: the next one must go to the same place, never over the
   * whole one.
   */
  abandon(): void {
    if (this.#pending === null) return;
    this.#version = this.#pending.version;
    this.#pending = null;
  }
}

/** What kept a snapshot from being whole, at any of its writers. */
export function snapshotProblem(written: ReadonlyMap<string, ReportOf<'snapshot-written'>>): string | null {
  return [...written.values()].find(({ problem }) => problem !== null)?.problem ?? null;
}
