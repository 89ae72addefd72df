// TimeShares: where the wall clock of a run went, as shares that add up to 1. A pure function of the events. Inside
// steps a share is the mean over the workers that had a seat; outside them everybody waits for the same thing. It
// compares nothing.
import type { RunEvent } from './events.js';

/** Shares of the wall clock from the start of the run to its last event, 0 to 1; their sum is 1. */
export interface TimeShares {
  /** Forward, backward, filling inputs, optimizer updates. */
  readonly compute: number;
  /** Exchange and sum of gradients between replicas, and their norms. */
  readonly communication: number;
  /** Waiting for a neighbour of the pipeline, the way of its tensors included. */
  readonly bubble: number;
  /** Reading and writing cached activations. */
  readonly cache: number;
  readonly transition: number;
  /** Whole validations, and looks of the freeze guard. */
  readonly validation: number;
  /** Until the first step began: data, workers, costs, programs. */
  readonly start: number;
  /** The rest: round trips to the coordinator, checkpoints, and compute of recordings that do not tell it. */
  readonly other: number;
}

export const SHARE_NAMES = [
  'compute',
  'communication',
  'bubble',
  'cache',
  'transition',
  'validation',
  'start',
  'other',
] as const satisfies readonly (keyof TimeShares)[];

/** Seconds from the start to the end of a run, as its events tell it: all of it counts. */
export function wallSecondsOf(events: Iterable<RunEvent>): number {
  let [end, last]: [number | null, number] = [null, 0];
  for (const { type, time } of events) {
    last = time;
    if (type === 'run.finished') end = time;
  }
  return end ?? last;
}

/** All zero but `other` where nothing was recorded. */
export function timeShares(events: Iterable<RunEvent>): TimeShares {
  const wall = wallSecondsOf(events);
  const known = { compute: 0, communication: 0, bubble: 0, cache: 0, transition: 0, validation: 0, start: 0 };
  let hasBegun = false;
  for (const event of events)
    if (event.type === 'step') {
      const { seconds, time } = event;
      known.compute += seconds * (event.computeShare ?? 0);
      known.communication += seconds * event.commShare;
      known.bubble += seconds * event.bubbleShare;
      known.cache += seconds * (event.cacheShare ?? 0);
      if (!hasBegun) known.start = Math.max(0, time - seconds);
      hasBegun = true;
    } else if (event.type === 'transition') known.transition += event.seconds;
    else if (event.type === 'evaluation' || event.type === 'guard.looked') known.validation += event.seconds;
  const all = Object.values(known).reduce((a, b) => a + b, 0);
  // Clocks of several processes may disagree by a little; more than everything is everything.
  const whole = Math.max(wall, all);
  if (whole === 0)
    return { compute: 0, communication: 0, bubble: 0, cache: 0, transition: 0, validation: 0, start: 0, other: 1 };
  const share = (seconds: number): number => seconds / whole;
  return {
    compute: share(known.compute),
    communication: share(known.communication),
    bubble: share(known.bubble),
    cache: share(known.cache),
    transition: share(known.transition),
    validation: share(known.validation),
    start: share(known.start),
    other: share(whole - all),
  };
}
