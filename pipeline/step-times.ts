// StepTimes: what one step took on a stage, noted by whoever does the work. It is no prediction: see simulate.ts.

/** What one step took on this stage, milliseconds. */
export interface StepTimes {
  computeMs: number;
  /** Waiting for neighbours: the bubble, and what their tensors took to arrive. */
  waitMs: number;
  /**
   * Begin and end of every action in the order in which they ran, by this process's clock: from when its inputs were
   * there until its result was.
   */
  readonly spans: number[];
}

/** Takes down an action that began at `begin` and ends now. */
export function noteAction(times: StepTimes, begin: number): void {
  const end = performance.now();
  times.computeMs += end - begin;
  times.spans.push(begin, end);
}

/** Waits for a neighbour. */
export async function noteWait(times: StepTimes, wait: () => Promise<void>): Promise<void> {
  const begin = performance.now();
  await wait();
  times.waitMs += performance.now() - begin;
}
