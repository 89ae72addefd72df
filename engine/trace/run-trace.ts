// RunTrace: a run as entries of the trace event format: a row per worker with its actions, waits and exchanges, arrows
// from stage to stage, and above them the rows of the run. It reads and writes no file.
import type { RunEvent } from '../events/events.js';
import type { StepOfPlan } from './read-trace.js';
import { runRow, runRows } from './run-rows.js';
import { type StepTimeline, stepTimeline, type TimedAction } from './step-timeline.js';
import { groupNames, rowNames, type ViewerEvent } from './viewer-event.js';

const WORKER_GROUP = 2;
const CATEGORIES = { F: 'forward', B: 'backward', I: 'backward', W: 'backward' } as const;

export interface TracedRun {
  /** May be gone through once. */
  readonly events: Iterable<RunEvent>;
  readonly numSteps: number;
  readonly steps: Iterable<StepOfPlan>;
}

/** What the entries came to. */
export interface TraceFacts {
  numTraced: number;
  /** Workers whose times were moved, for their machine has a clock of its own. */
  readonly moved: Set<string>;
}

export function* runTrace({ events, numSteps, steps }: TracedRun, facts: TraceFacts): Generator<ViewerEvent> {
  yield* runRows(events, numSteps);
  yield* groupNames(WORKER_GROUP, 'workers');
  const rows = new WorkerRows();
  let [arrow, end] = [0, 0];
  for (const traced of steps) {
    const timeline = stepTimeline(traced);
    facts.numTraced++;
    for (const worker of timeline.moved) facts.moved.add(worker);
    yield stepEntry(timeline, end);
    end = timeline.span.end;
    yield* rows.namesOf(Object.keys(traced.plan.seats));
    for (const one of timeline.actions) {
      yield actionEntry(one, rows, timeline);
      if (one.needs !== null) yield* arrowEntries(one, one.needs, rows, ++arrow);
    }
    yield* idleEntries(timeline, rows);
  }
}

class WorkerRows {
  readonly #tids = new Map<string, number>();

  *namesOf(workers: readonly string[]): Generator<ViewerEvent> {
    for (const worker of workers) {
      if (this.#tids.has(worker)) continue;
      this.#tids.set(worker, this.#tids.size + 1);
      yield* rowNames({ ...this.of(worker), name: worker });
    }
  }

  of(worker: string): { readonly pid: number; readonly tid: number } {
    return { pid: WORKER_GROUP, tid: this.#tids.get(worker) ?? 0 };
  }
}

/** The entry of a step; the one before was done at `before`, which two clocks may see a little differently. */
function stepEntry({ step, generation, span }: StepTimeline, before: number): ViewerEvent {
  const place = { ph: 'X', ...runRow('steps'), cat: 'steps' } as const;
  const ts = Math.min(span.end, Math.max(before, span.begin));
  return { ...place, name: `step ${step}`, ts, dur: span.end - ts, args: { step, generation } };
}

function actionEntry(
  { worker, action, name, begin, end }: TimedAction,
  rows: WorkerRows,
  of: StepTimeline,
): ViewerEvent {
  const { stage, kind, micro } = action;
  const args = { step: of.step, generation: of.generation, stage, microBatch: micro };
  return { ph: 'X', ...rows.of(worker), name, cat: CATEGORIES[kind], ts: begin, dur: end - begin, args };
}

/** From the end of what gave to the begin of what took; an arrow hangs on what takes time at its ends. */
function* arrowEntries(taker: TimedAction, giver: TimedAction, rows: WorkerRows, id: number): Generator<ViewerEvent> {
  const about = { id, name: giver.name, cat: 'hand-over' };
  yield { ph: 's', ...rows.of(giver.worker), ...about, ts: Math.max(giver.begin, giver.end - 1) };
  yield { ph: 'f', bp: 'e', ...rows.of(taker.worker), ...about, ts: taker.begin };
}

function* idleEntries({ waits, reduces, step }: StepTimeline, rows: WorkerRows): Generator<ViewerEvent> {
  for (const { worker, begin, end, for: other, action } of waits) {
    const args = { step, for: other, action };
    const name = `waits for ${action} of ${other}`;
    yield { ph: 'X', ...rows.of(worker), name, cat: 'bubble', ts: begin, dur: end - begin, args };
  }
  for (const { worker, begin, end } of reduces)
    yield {
      ph: 'X',
      ...rows.of(worker),
      name: 'reduce',
      cat: 'communication',
      ts: begin,
      dur: end - begin,
      args: { step },
    };
}
