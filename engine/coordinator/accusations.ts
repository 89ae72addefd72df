// Accusations: who has to go where workers say that they cannot go on because of another one. The run's own workers are
// believed before those that joined; a single complaint may be an accident of the network, the same again is not. It
// keeps count of complaints that nothing has explained; it lets nobody go.
import type { StuckWorker, Suspect } from './lost-worker.js';

/** Complaints that point to a worker, with nobody lost in between, after which it goes. */
const ENOUGH = 2;
/** Complaints that are further apart have nothing to do with each other. */
const MEMORY_MS = 600_000;

export class Accusations {
  /** When complaints pointed to a worker, on the clock of `performance`. */
  readonly #marks = new Map<string, number[]>();

  /**
   * The worker that has to go, or null where all may stay. `about` is the worker that the complaint names, where it
   * still takes part.
   */
  judge(
    { about: named }: StuckWorker,
    reporter: Suspect,
    about: Suspect | undefined,
    now = performance.now(),
  ): Suspect | null {
    const isFault = named?.isFault === true && about !== undefined;
    // A fault that one of the run's own has seen is proof against a guest; a guest that sees one at an own worker has
    // a network or a mind of its own. Either way the run can go on without the guest, and would only fail again.
    if (isFault && reporter.isOwn !== about.isOwn) return reporter.isOwn ? about : reporter;
    const suspect = reporter.isOwn ? (about ?? reporter) : reporter;
    if (suspect.isOwn) return null;
    const marks = [...(this.#marks.get(suspect.id) ?? []).filter((at) => now - at < MEMORY_MS), now];
    this.#marks.set(suspect.id, marks);
    return marks.length >= ENOUGH ? suspect : null;
  }

  /** A worker was found lost: that is what the others complained about. */
  explained(): void {
    this.#marks.clear();
  }
}
