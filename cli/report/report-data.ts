// ReportData: what the report needs of a recording: its curves, its medians, and the events that are told one by one.
// It goes through the events, and keeps no step and not more than some hundred events of a kind. It writes no HTML.
import type { RunEvent } from '../../engine/events/events.js';
import { type Events, StepsThatCount } from '../../engine/events/steps-that-count.js';
import { type EventOf, type Summary, Tally } from '../../engine/events/summary.js';
import { Curve, RunningMedian, Smoother } from './curve.js';

/** Points per curve; more cannot be told apart on a screen. */
export const CURVE_POINTS = 600;
/** Events of a kind that are told from the beginning of the run, and as many from its end. */
const TOLD = 250;
/** Many of these are told by a curve. */
const COUNTLESS: ReadonlySet<RunEvent['type']> = new Set(['step', 'evaluation', 'checkpoint.saved', 'freeze.signals']);

/** What is measured of the steps of one plan. */
export interface PlanMedians {
  readonly milliseconds: RunningMedian;
  readonly bubble: RunningMedian;
}

export class ReportData {
  readonly summary: Summary;
  /** Those that are told one by one, in order. */
  readonly events: readonly RunEvent[];
  /** How many are not, for there are too many of their kind. */
  readonly numLeftOut: number;
  /** The whole validations that count. */
  readonly evaluations: readonly EventOf<'evaluation'>[];
  /** Steps that count. */
  readonly numSteps: number;
  /** Of these, those whose time is known. */
  numTimed = 0;
  /** Against the number of steps done, as validations and transitions count them. */
  readonly curves: Readonly<Record<'loss' | 'smoothed' | 'rate' | 'frozen' | 'hits', Curve>>;
  hasFrozen = false;
  hasLooked = false;
  readonly medians = new Map<number, PlanMedians>();
  readonly stepSeconds = new RunningMedian();
  /** Plans of the first and the last step; null where there is none. */
  generations: { readonly first: number; readonly last: number } | null = null;
  /** Time of the last event, and of the last that belongs to the training. */
  endTime = 0;
  trainedUntil: number | null = null;
  readonly #smoother: Smoother;

  constructor(events: Events) {
    const counting = new StepsThatCount(events);
    const tally = new Tally(counting);
    this.numSteps = counting.total;
    this.#smoother = new Smoother(counting.total / 40);
    const curve = (): Curve => new Curve(counting.total, CURVE_POINTS);
    this.curves = { loss: curve(), smoothed: curve(), rate: curve(), frozen: curve(), hits: curve() };
    const told = new FewOfEach();
    for (const event of events) {
      this.#see(event);
      if (tally.take(event) && event.type === 'step') this.#step(event);
      if (!COUNTLESS.has(event.type)) told.take(event);
    }
    this.summary = tally.summary();
    this.evaluations = tally.evaluations;
    this.events = told.events;
    this.numLeftOut = told.numLeftOut;
  }

  /** All events of one type that are told, in order. */
  of<T extends RunEvent['type']>(type: T): EventOf<T>[] {
    return this.events.filter((event): event is EventOf<T> => event.type === type);
  }

  #see({ type, time }: RunEvent): void {
    this.endTime = time;
    if (type === 'step' || type === 'evaluation' || type === 'transition') this.trainedUntil = time;
  }

  #step(event: EventOf<'step'>): void {
    const { step, loss, samples, seconds, frozen, cacheHits, cacheMisses, generation } = event;
    const { curves } = this;
    const done = step + 1;
    const looked = cacheHits + cacheMisses;
    curves.loss.add(done, loss);
    curves.smoothed.add(done, this.#smoother.next(loss));
    if (seconds > 0) {
      this.numTimed++;
      curves.rate.add(done, samples / seconds);
    }
    curves.frozen.add(done, frozen);
    curves.hits.add(done, looked > 0 ? cacheHits / looked : 0);
    this.hasFrozen ||= frozen > 0 || cacheHits > 0;
    this.hasLooked ||= looked > 0;
    this.generations = { first: this.generations?.first ?? generation, last: generation };
    this.stepSeconds.add(seconds);
    let medians = this.medians.get(generation);
    if (medians === undefined)
      this.medians.set(generation, (medians = { milliseconds: new RunningMedian(), bubble: new RunningMedian() }));
    medians.milliseconds.add(seconds * 1000);
    medians.bubble.add(event.pipelineBubble ?? event.bubbleShare);
  }
}

/** Of each kind of events the first ones and the last ones. */
class FewOfEach {
  readonly #first: (readonly [number, RunEvent])[] = [];
  readonly #last = new Map<RunEvent['type'], (readonly [number, RunEvent])[]>();
  readonly #counts = new Map<RunEvent['type'], number>();
  #number = 0;

  take(event: RunEvent): void {
    const count = (this.#counts.get(event.type) ?? 0) + 1;
    this.#counts.set(event.type, count);
    const entry = [this.#number++, event] as const;
    if (count <= TOLD) {
      this.#first.push(entry);
      return;
    }
    const last = this.#last.get(event.type) ?? [];
    this.#last.set(event.type, last);
    last.push(entry);
    if (last.length > 2 * TOLD) last.splice(0, TOLD);
  }

  get events(): RunEvent[] {
    const last = [...this.#last.values()].flatMap((entries) => entries.slice(-TOLD));
    return [...this.#first, ...last].sort(([a], [b]) => a - b).map(([, event]) => event);
  }

  get numLeftOut(): number {
    return [...this.#counts.values()].reduce((sum, count) => sum + Math.max(0, count - 2 * TOLD), 0);
  }
}
