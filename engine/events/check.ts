// Check: one thing that must hold in a record of a run, and the sentence that says where it does not. It does not know
// what is checked.

/**
 * One thing that was checked. `problem` is null where it holds, else it names the first step, sample or file that is
 * wrong.
 */
export interface Check {
  readonly name: string;
  /** What was looked at, with numbers. */
  readonly scope: string;
  readonly problem: string | null;
}

/** Thrown inside a check, and caught at its border: the first thing that is wrong. */
class Broken extends Error {}

/** Ends the check around it with its problem. */
export function fail(problem: string): never {
  throw new Broken(problem);
}

/** A check that goes through a recording: what it meets first that is wrong is its problem, and ends it. */
export class OngoingCheck {
  #problem: string | null = null;

  get problem(): string | null {
    return this.#problem;
  }

  /** Goes on with it, unless it has failed before. */
  goOn(work: () => void): void {
    if (this.#problem === null) this.#guarded(work);
  }

  /** Ends it; `work` returns its scope, or fails. */
  end(name: string, work: () => string): Check {
    let scope = '';
    this.goOn(() => (scope = work()));
    return { name, scope, problem: this.#problem };
  }

  #guarded(work: () => void): void {
    try {
      work();
    } catch (error) {
      if (!(error instanceof Broken)) throw error;
      this.#problem = error.message;
    }
  }
}
