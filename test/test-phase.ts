// The phase of a test file: vitest first collects its tests, and only then runs some of them, or none. What costs
// seconds belongs to the second phase.
import { beforeAll } from 'vitest';

let isCollecting = true;
// Of the test file that imports this, and before every hook and test of its own.
beforeAll(() => {
  isCollecting = false;
});

/** Throws an Error where tests are still being collected; `what` would run although nobody may want its result. */
export function refuseWhileCollecting(what: string): void {
  if (isCollecting)
    throw new Error(
      `${what} was called while vitest collects tests: it would run for every test that is selected, and for none. ` +
        'Call it inside a test or a hook; where several tests want the same run, let each ask referenceRun for it.',
    );
}
