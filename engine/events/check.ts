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

/** Runs a check; `work` returns its scope, or fails. */
export function check(name: string, work: () => string): Check {
  try {
    return { name, scope: work(), problem: null };
  } catch (error) {
    if (!(error instanceof Broken)) throw error;
    return { name, scope: '', problem: error.message };
  }
}
