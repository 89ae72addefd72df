// StepsThatCount: which steps of a recording are part of what the run came to. A recovery, a resume or a roll-back goes
// back, and the steps it undoes are done again: the later ones count. It keeps no step.
import type { RunEvent } from './events.js';

/** Steps that follow on each other. */
export interface StepRun {
  readonly first: number;
  readonly count: number;
}

/** A recording of a run: its events in order. It can be gone through more than once, and need not be in memory. */
export interface Events extends Iterable<RunEvent> {
  /** The numbers of its steps in order, where it knows a quicker way than going through all events. */
  stepRuns?(): Iterable<StepRun>;
}

function* runsOf(events: Events): Generator<StepRun> {
  for (const event of events) if (event.type === 'step') yield { first: event.step, count: 1 };
}

export class StepsThatCount {
  /** Of every run of steps that follow on each other: steps from here on were undone later. */
  readonly #bounds: number[];
  /** How many count. */
  readonly total: number;
  #run = -1;
  #next = -1;

  constructor(events: Events) {
    const runs: { readonly first: number; end: number }[] = [];
    for (const { first, count } of events.stepRuns?.() ?? runsOf(events)) {
      const last = runs.at(-1);
      if (last?.end === first) last.end += count;
      else runs.push({ first, end: first + count });
    }
    let [bound, total] = [Infinity, 0];
    this.#bounds = runs
      .toReversed()
      .map(({ first, end }) => {
        const own = bound;
        total += Math.max(0, Math.min(end, own) - first);
        bound = Math.min(bound, first);
        return own;
      })
      .reverse();
    this.total = total;
  }

  /** Whether a step counts. To be asked about every step of the recording, in order. */
  has(step: number): boolean {
    if (step !== this.#next) this.#run++;
    this.#next = step + 1;
    return step < (this.#bounds[this.#run] ?? Infinity);
  }
}

/** The steps that count, in order. */
export function* effectiveSteps(events: Events): Generator<Extract<RunEvent, { type: 'step' }>> {
  const counting = new StepsThatCount(events);
  for (const event of events) if (event.type === 'step' && counting.has(event.step)) yield event;
}
