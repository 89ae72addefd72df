// Whether the folder of a run adds up, by the command's own checks: every run that tests make is asked, so that a check
// that finds fault with a sound run is found here.
import type { RunFolder } from '../../engine/run/run-folder.js';
import { verifyRun } from '../../engine/verify/verify-run.js';

/** Throws where a check fails. */
export function requireWhole(run: RunFolder): void {
  const broken = verifyRun(run).flatMap(({ name, problem }) => (problem === null ? [] : [`${name}: ${problem}`]));
  if (broken.length > 0) throw new Error(`${run.path} does not verify:\n${broken.join('\n')}`);
}
