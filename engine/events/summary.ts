// Summary: a run in numbers, as summary.json holds it. A pure function of the events; nothing is measured here.
import type { RunEvent } from './events.js';

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
  readonly finalLoss: number | null;
  /** On the whole validation set. */
  readonly metric: { readonly name: string; readonly value: number } | null;
  readonly steps: number;
  readonly samplesSeen: number;
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
  /** Hits and misses in samples; bytes stored at the fullest moment. */
  readonly cache: { readonly hits: number; readonly misses: number; readonly bytes: number };
  /** Most memory that each worker needed, bytes; workers that never had a seat are missing. */
  readonly peakMemory: Readonly<Record<string, number>>;
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
   * Looks of the guard, what they took, freezes rolled back, and the steps that were done again because of it. Null: it
   * was not on.
   */
  readonly guard: {
    readonly looks: number;
    readonly seconds: number;
    readonly rollbacks: number;
    readonly stepsAgain: number;
  } | null;
  readonly weightsSha256: string | null;
  readonly lossSha256: string | null;
}

/** The events of one type. */
export type EventOf<T extends RunEvent['type']> = Extract<RunEvent, { type: T }>;

/** All events of one type, in order. */
export function eventsOf<T extends RunEvent['type']>(events: readonly RunEvent[], type: T): EventOf<T>[] {
  return events.filter((event): event is EventOf<T> => event.type === type);
}

/** The steps that count: a step done again after a failure replaces its first attempt. In order of their number. */
export function effectiveSteps(events: readonly RunEvent[]): EventOf<'step'>[] {
  const byNumber = new Map(eventsOf(events, 'step').map((event) => [event.step, event] as const));
  return [...byNumber.values()].sort((a, b) => a.step - b.step);
}

/**
 * The whole validations that count, in order: one done again replaces its first attempt, and those after a freeze that
 * was rolled back are gone with it.
 */
export function effectiveEvaluations(events: readonly RunEvent[]): EventOf<'evaluation'>[] {
  let kept: EventOf<'evaluation'>[] = [];
  for (const event of events) {
    if (event.type === 'freeze.rolledBack') kept = kept.filter(({ step }) => step <= event.toStep);
    if (event.type === 'evaluation') kept = [...kept.filter(({ step }) => step < event.step), event];
  }
  return kept;
}

function timeToAccuracy(events: readonly RunEvent[]): Summary['timeToAccuracy'] {
  const started = eventsOf(events, 'run.started').at(-1);
  const target = started?.targetMetric;
  if (started === undefined || target === undefined) return null;
  const hit = effectiveEvaluations(events).find(({ metric }) =>
    started.higherIsBetter ? metric >= target : metric <= target,
  );
  return { target, seconds: hit?.time ?? null, step: hit?.step ?? null };
}

function guardFigures(events: readonly RunEvent[]): Summary['guard'] {
  const looks = eventsOf(events, 'guard.looked');
  if (looks.length === 0) return null;
  const rolledBack = eventsOf(events, 'freeze.rolledBack');
  return {
    looks: looks.length,
    seconds: looks.reduce((sum, { seconds }) => sum + seconds, 0),
    rollbacks: rolledBack.length,
    stepsAgain: rolledBack.reduce((sum, { step, toStep }) => sum + step - toStep, 0),
  };
}

/** The run in numbers; also for a run that failed or still runs. */
export function summarize(events: readonly RunEvent[]): Summary {
  const started = eventsOf(events, 'run.started').at(-1);
  // How an earlier attempt ended says nothing about a run that was taken up again since.
  const attempt = events.slice(
    Math.max(
      0,
      events.findLastIndex(({ type }) => type === 'run.started'),
    ),
  );
  const finished = eventsOf(attempt, 'run.finished').at(-1);
  const evaluation = eventsOf(events, 'evaluation').at(-1);
  const steps = effectiveSteps(events);
  const sum = (of: (step: EventOf<'step'>) => number): number => steps.reduce((total, step) => total + of(step), 0);

  const stepSeconds = sum((step) => step.seconds);
  const share = (of: (step: EventOf<'step'>) => number): number =>
    stepSeconds > 0 ? sum((step) => of(step) * step.seconds) / stepSeconds : 0;
  const samples = sum((step) => step.samples);
  const {
    steps: numSteps,
    samplesSeen,
    wallSeconds,
    trainSeconds,
  } = finished ?? { steps: steps.length, samplesSeen: samples, trainSeconds: stepSeconds };
  return {
    status: statusOf(attempt),
    ...identityOf(started),
    finalLoss: known(finished?.finalLoss) ?? known(steps.at(-1)?.loss),
    metric: metricOf(finished, evaluation),
    steps: numSteps,
    samplesSeen,
    wallSeconds: wallSeconds ?? events.at(-1)?.time ?? 0,
    trainSeconds,
    samplesPerSecond: stepSeconds > 0 ? samples / stepSeconds : null,
    transitions: eventsOf(events, 'transition').map(({ step, from, to, frozen, seconds }) => ({
      step,
      from,
      to,
      frozen,
      seconds,
    })),
    cache: { hits: sum((step) => step.cacheHits), misses: sum((step) => step.cacheMisses), bytes: cacheBytes(events) },
    peakMemory: peakMemory(steps),
    failures: eventsOf(events, 'worker.lost').length,
    bubbleShare: share((step) => step.bubbleShare),
    commShare: share((step) => step.commShare),
    timeToAccuracy: timeToAccuracy(events),
    guard: guardFigures(events),
    weightsSha256: finished?.weightsSha256 ?? null,
    lossSha256: finished?.lossSha256 ?? null,
  };
}

function statusOf(attempt: readonly RunEvent[]): Summary['status'] {
  if (eventsOf(attempt, 'run.failed').length > 0) return 'failed';
  const finished = eventsOf(attempt, 'run.finished').at(-1);
  if (finished === undefined) return 'unfinished';
  return finished.isInterrupted ? 'interrupted' : 'finished';
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

/** The largest value of each worker. */
function peakMemory(steps: readonly EventOf<'step'>[]): Record<string, number> {
  const peaks = new Map<string, number>();
  for (const { peakMemory: now = {} } of steps)
    for (const [worker, bytes] of Object.entries(now)) peaks.set(worker, Math.max(bytes, peaks.get(worker) ?? 0));
  return Object.fromEntries(peaks);
}

/**
 * Bytes stored at the fullest moment: every miss stores a record, up to the capacity; a new depth starts an empty
 * store.
 */
function cacheBytes(events: readonly RunEvent[]): number {
  let store = { recordBytes: 0, capacity: 0, records: 0 };
  let most = 0;
  for (const event of events) {
    if (event.type === 'cache.changed')
      store =
        event.state === 'on'
          ? { recordBytes: event.recordBytes, capacity: event.capacity, records: 0 }
          : { recordBytes: 0, capacity: 0, records: 0 };
    else if (event.type === 'step') store.records = Math.min(store.capacity, store.records + event.cacheMisses);
    most = Math.max(most, store.records * store.recordBytes);
  }
  return most;
}
