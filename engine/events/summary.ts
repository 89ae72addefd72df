// Summary: a run in numbers, as summary.json holds it. A pure function of the events; nothing is measured here, and no
// step is kept on the way.
import { EpochLoss, type LossOfEpoch } from './epoch-loss.js';
import type { RunEvent } from './events.js';
import { PeakMemory } from './peak-memory.js';
import { type Events, StepsThatCount } from './steps-that-count.js';

export interface Shape {
  readonly K: number;
  readonly R: number;
}

/**
 * Seconds are wall-clock; shares are of the time of the steps, 0 to 1; `frozen` counts blocks. Null: the run did not
 * get that far.
 */
export interface Summary {
  readonly status: 'finished' | 'interrupted' | 'failed' | 'unfinished';
  readonly model: string | null;
  readonly data: string | null;
  readonly seed: number | null;
  readonly version: string | null;
  readonly machine: string | null;
  /** Training loss of the last step, which may be of few samples. */
  readonly finalLoss: number | null;
  /** Over the steps of the last epoch. */
  readonly lastEpoch: LossOfEpoch | null;
  /** On the whole validation set. */
  readonly metric: { readonly name: string; readonly value: number } | null;
  /** Of a run that looked for it: its best whole validation, and the step that it is of. */
  readonly best?: { readonly step: number; readonly value: number; readonly name: string };
  readonly steps: number;
  readonly samplesSeen: number;
  /** Of all sessions together, without the time between them; never less than `trainSeconds`. */
  readonly wallSeconds: number;
  /** Time inside steps: without validation, checkpoints, transitions and start-up. */
  readonly trainSeconds: number;
  readonly samplesPerSecond: number | null;
  readonly transitions: readonly {
    readonly step: number;
    readonly from: Shape;
    readonly to: Shape;
    readonly frozen: number;
    readonly seconds: number;
  }[];
  /** Of a run that grew: after which steps it had more layers. */
  readonly growths?: readonly { readonly step: number; readonly fromLayers: number; readonly toLayers: number }[];
  /** Hits and misses in samples; bytes stored at the fullest moment. */
  readonly cache: { readonly hits: number; readonly misses: number; readonly bytes: number };
  /** Most memory that each worker needed, bytes; workers that never had a seat are missing. */
  readonly peakMemory: Readonly<Record<string, number>>;
  /** Most that the workers needed which were there at one time, bytes. */
  readonly peakTogether: number;
  /** Workers lost. */
  readonly failures: number;
  readonly bubbleShare: number;
  readonly commShare: number;
  /**
   * Null where no target was set; `seconds` of wall clock and `step` are null where it was not reached. On whole
   * validations only.
   */
  readonly timeToAccuracy: {
    readonly target: number;
    readonly seconds: number | null;
    readonly step: number | null;
  } | null;
  /**
   * Looks of the guard, how many of them were whole validations, what the others took, freezes rolled back, and the
   * steps that were done again because of it. Null: it was not on.
   */
  readonly guard: {
    readonly looks: number;
    readonly wholeLooks: number;
    readonly seconds: number;
    readonly rollbacks: number;
    readonly stepsAgain: number;
  } | null;
  readonly weightsSha256: string | null;
  readonly lossSha256: string | null;
}

/** The events of one type. */
export type EventOf<T extends RunEvent['type']> = Extract<RunEvent, { type: T }>;

/** All events of one type, in order. Not for steps: a recording may have millions. */
export function eventsOf<T extends RunEvent['type']>(events: Iterable<RunEvent>, type: T): EventOf<T>[] {
  const found: EventOf<T>[] = [];
  for (const event of events) if (event.type === type) found.push(event as EventOf<T>);
  return found;
}

/** Takes the whole validations of a run in order; one done again replaces its first attempt. */
class EvaluationsThatCount {
  readonly all: EventOf<'evaluation'>[] = [];

  take(event: RunEvent): void {
    // Those after a freeze that was rolled back are gone with it.
    if (event.type === 'freeze.rolledBack') this.#drop(event.toStep + 1);
    if (event.type !== 'evaluation') return;
    this.#drop(event.step);
    this.all.push(event);
  }

  #drop(from: number): void {
    while ((this.all.at(-1)?.step ?? -1) >= from) this.all.pop();
  }
}

/** The whole validations that count, in order. */
export function effectiveEvaluations(events: Iterable<RunEvent>): readonly EventOf<'evaluation'>[] {
  const counting = new EvaluationsThatCount();
  for (const event of events) counting.take(event);
  return counting.all;
}

/** The run in numbers; also for a run that failed or still runs. */
export function summarize(events: Events): Summary {
  const tally = new Tally(new StepsThatCount(events));
  for (const event of events) tally.take(event);
  return tally.summary();
}

/** Sums over the steps that count. */
interface StepSums {
  steps: number;
  samples: number;
  seconds: number;
  hits: number;
  misses: number;
  bubbleSeconds: number;
  commSeconds: number;
}

/** The numbers of a run, gathered event by event. */
export class Tally {
  /** Which steps count; asked here about each of them. */
  readonly #counting: StepsThatCount;
  readonly #evaluations = new EvaluationsThatCount();
  readonly #sums: StepSums = {
    steps: 0,
    samples: 0,
    seconds: 0,
    hits: 0,
    misses: 0,
    bubbleSeconds: 0,
    commSeconds: 0,
  };
  readonly #memory = new PeakMemory();
  readonly #epoch = new EpochLoss();
  readonly #transitions: Summary['transitions'][number][] = [];
  readonly #growths: NonNullable<Summary['growths']>[number][] = [];
  readonly #guard = { looks: 0, wholeLooks: 0, seconds: 0, rollbacks: 0, stepsAgain: 0 };
  readonly #store = new StoreSize();
  #started: EventOf<'run.started'> | undefined;
  // How an earlier attempt ended says nothing about a run that was taken up again since.
  #finished: EventOf<'run.finished'> | undefined;
  #hasFailed = false;
  #evaluation: EventOf<'evaluation'> | undefined;
  #lastLoss: number | undefined;
  #failures = 0;
  /** Of the last event. */
  #time = 0;
  /** When the session began that goes on now, and what those before it took: a run that is resumed has several. */
  #sessionBegin = 0;
  #earlierSeconds = 0;

  constructor(counting: StepsThatCount) {
    this.#counting = counting;
  }

  /** The whole validations that count, in order. */
  get evaluations(): readonly EventOf<'evaluation'>[] {
    return this.#evaluations.all;
  }

  /** The next event. Returns whether it is a step that counts. */
  take(event: RunEvent): boolean {
    if (event.type === 'run.started') this.#begin();
    this.#time = event.time;
    this.#store.take(event);
    const counts = event.type === 'step' && this.#counting.has(event.step);
    if (counts) this.#step(event);
    else this.#see(event);
    return counts;
  }

  /** Another session: its events follow on those of the one before. */
  #begin(): void {
    this.#earlierSeconds += this.#sessionSeconds;
    this.#sessionBegin = this.#time;
  }

  /** A session that came to its end says itself what it took, without what it measured afterwards. */
  get #sessionSeconds(): number {
    return this.#finished?.wallSeconds ?? this.#time - this.#sessionBegin;
  }

  #see(event: RunEvent): void {
    this.#evaluations.take(event);
    switch (event.type) {
      case 'run.started':
        this.#started = event;
        this.#memory.forget();
        this.#finished = undefined;
        this.#hasFailed = false;
        break;
      case 'evaluation':
        this.#evaluation = event;
        break;
      case 'transition': {
        const { step, from, to, frozen, seconds } = event;
        this.#transitions.push({ step, from, to, frozen, seconds });
        break;
      }
      case 'worker.lost':
        this.#failures++;
        this.#memory.leave(event.worker);
        break;
      case 'worker.left':
        this.#memory.leave(event.worker);
        break;
      case 'run.finished':
        this.#finished = event;
        break;
      case 'run.failed':
        this.#hasFailed = true;
        break;
      default:
        this.#guarded(event);
    }
  }

  summary(): Summary {
    const [finished, sums, started] = [this.#finished, this.#sums, this.#started];
    const share = (seconds: number): number => (sums.seconds > 0 ? seconds / sums.seconds : 0);
    const { steps, samplesSeen, trainSeconds } = finished ?? {
      steps: sums.steps,
      samplesSeen: sums.samples,
      trainSeconds: sums.seconds,
    };
    return {
      status: this.#status,
      ...identityOf(started),
      finalLoss: known(finished?.finalLoss) ?? known(this.#lastLoss),
      lastEpoch: this.#epoch.last,
      metric: metricOf(finished, this.#evaluation),
      ...(finished?.best === undefined ? {} : { best: finished.best }),
      steps,
      samplesSeen,
      // Events that were lost took the time of their steps with them.
      wallSeconds: Math.max(this.#earlierSeconds + this.#sessionSeconds, trainSeconds),
      trainSeconds,
      samplesPerSecond: sums.seconds > 0 ? sums.samples / sums.seconds : null,
      transitions: this.#transitions,
      ...(this.#growths.length === 0 ? {} : { growths: this.#growths }),
      cache: { hits: sums.hits, misses: sums.misses, bytes: this.#store.most },
      peakMemory: Object.fromEntries(this.#memory.peaks),
      peakTogether: this.#memory.together,
      failures: this.#failures,
      bubbleShare: share(sums.bubbleSeconds),
      commShare: share(sums.commSeconds),
      timeToAccuracy: timeToAccuracy(started, this.#evaluations.all),
      guard: this.#guard.looks === 0 ? null : this.#guard,
      weightsSha256: finished?.weightsSha256 ?? null,
      lossSha256: finished?.lossSha256 ?? null,
    };
  }

  get #status(): Summary['status'] {
    if (this.#hasFailed) return 'failed';
    if (this.#finished === undefined) return 'unfinished';
    return this.#finished.isInterrupted ? 'interrupted' : 'finished';
  }

  #step(event: EventOf<'step'>): void {
    const { samples, seconds, cacheHits, cacheMisses, bubbleShare, commShare, peakMemory, loss } = event;
    const sums = this.#sums;
    sums.steps++;
    sums.samples += samples;
    sums.seconds += seconds;
    sums.hits += cacheHits;
    sums.misses += cacheMisses;
    sums.bubbleSeconds += bubbleShare * seconds;
    sums.commSeconds += commShare * seconds;
    this.#memory.take(peakMemory ?? {});
    this.#epoch.take(event, this.#started?.stepsPerEpoch ?? Infinity);
    this.#lastLoss = loss;
  }

  #guarded(event: RunEvent): void {
    if (event.type === 'grow.decided') this.#grown(event);
    if (event.type === 'guard.looked') {
      this.#guard.looks++;
      if (this.#evaluation?.step === event.step && this.#evaluation.samples === event.samples) this.#guard.wholeLooks++;
      this.#guard.seconds += event.seconds;
    }
    if (event.type === 'freeze.rolledBack') {
      this.#guard.rollbacks++;
      this.#guard.stepsAgain += event.step - event.toStep;
    }
  }

  /** One that a recovery does again replaces the first. */
  #grown({ step, fromLayers, toLayers }: EventOf<'grow.decided'>): void {
    while ((this.#growths.at(-1)?.step ?? -1) >= step) this.#growths.pop();
    if (toLayers > fromLayers) this.#growths.push({ step, fromLayers, toLayers });
  }
}

function timeToAccuracy(
  started: EventOf<'run.started'> | undefined,
  evaluations: readonly EventOf<'evaluation'>[],
): Summary['timeToAccuracy'] {
  const target = started?.targetMetric;
  if (started === undefined || target === undefined) return null;
  const hit = evaluations.find(({ metric }) => (started.higherIsBetter ? metric >= target : metric <= target));
  return { target, seconds: hit?.time ?? null, step: hit?.step ?? null };
}

/** What was run, and where; nulls where nothing has started. */
function identityOf(
  started: EventOf<'run.started'> | undefined,
): Pick<Summary, 'model' | 'data' | 'seed' | 'version' | 'machine'> {
  if (started === undefined) return { model: null, data: null, seed: null, version: null, machine: null };
  const { model, data, seed, version, machine } = started;
  return { model, data, seed, version, machine };
}

/** The metric at the end, or at the last validation of a run that did not get there. */
function metricOf(
  finished: EventOf<'run.finished'> | undefined,
  evaluation: EventOf<'evaluation'> | undefined,
): Summary['metric'] {
  const name = finished?.metric.name ?? evaluation?.metricName;
  const value = known(finished?.metric.value) ?? known(evaluation?.metric);
  return name === undefined || value === null ? null : { name, value };
}

/** A run without steps or without validation data has NaN or null here, which JSON turns into null. */
const known = (value: number | null | undefined): number | null =>
  typeof value === 'number' && Number.isFinite(value) ? value : null;

/**
 * Bytes stored at the fullest moment: every miss stores a record, up to the capacity; a new depth starts an empty
 * store.
 */
class StoreSize {
  #recordBytes = 0;
  #capacity = 0;
  #records = 0;
  most = 0;

  take(event: RunEvent): void {
    if (event.type === 'cache.changed') {
      const isOn = event.state === 'on';
      this.#recordBytes = isOn ? event.recordBytes : 0;
      this.#capacity = isOn ? event.capacity : 0;
      this.#records = 0;
    } else if (event.type === 'step') this.#records = Math.min(this.#capacity, this.#records + event.cacheMisses);
    this.most = Math.max(this.most, this.#records * this.#recordBytes);
  }
}
