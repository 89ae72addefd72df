// TimeShares: where the wall clock of a run went, as shares that add up to 1. A pure function of the events. Inside
// steps a share is the mean over the workers that had a seat; outside them everybody waits for the same thing. It
// compares nothing.
import type { RunEvent } from './events.js';
import { eventsOf } from './summary.js';

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
export const wallSecondsOf = (events: readonly RunEvent[]): number =>
  eventsOf(events, 'run.finished').at(-1)?.time ?? events.at(-1)?.time ?? 0;

/** All zero but `other` where nothing was recorded. */
export function timeShares(events: readonly RunEvent[]): TimeShares {
  const wall = wallSecondsOf(events);
  const steps = eventsOf(events, 'step');
  const sum = (of: (step: (typeof steps)[number]) => number): number =>
    steps.reduce((total, step) => total + step.seconds * of(step), 0);
  const total = (timed: readonly { readonly seconds: number }[]): number =>
    timed.reduce((all, { seconds }) => all + seconds, 0);
  const [first] = steps;
  const known = {
    compute: sum(({ computeShare = 0 }) => computeShare),
    communication: sum(({ commShare }) => commShare),
    bubble: sum(({ bubbleShare }) => bubbleShare),
    cache: sum(({ cacheShare = 0 }) => cacheShare),
    transition: total(eventsOf(events, 'transition')),
    validation: total(eventsOf(events, 'evaluation')) + total(eventsOf(events, 'guard.looked')),
    start: first === undefined ? 0 : Math.max(0, first.time - first.seconds),
  };
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
