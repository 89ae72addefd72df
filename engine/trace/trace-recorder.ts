// TraceRecorder: decides which steps are traced, and puts what their workers reported into lines. Of every plan the
// first steps are traced, then ever fewer, so that a short run is traced whole and a long one costs next to nothing. It
// writes no file.
import { showAction } from '../../pipeline/action.js';
import { workersByStage } from '../../pipeline/schedule.js';
import { present } from '../core/invariant.js';
import type { Plan } from '../core/plan.js';
import { sharedNow } from '../core/shared-clock.js';
import { replicaSchedule } from '../protocol/plan-schedule.js';
import type { StepResult } from '../protocol/step-result.js';
import { packed, type TracedPlan, type UntimedLine } from './trace-line.js';

/** Steps of a plan that are all traced, at most and at least. */
const MOST_WHOLE = 256;
const LEAST_WHOLE = 8;
/** Times of actions that those steps have together, at most: a plan of many workers tells much in one step. */
const MOST_TIMES = 100_000;

export class TraceRecorder {
  readonly #write: (line: UntimedLine) => void;
  #generation = -1;
  /** Steps of the plan that were done. */
  #numDone = 0;
  #numWhole = MOST_WHOLE;

  constructor(write: (line: UntimedLine) => void) {
    this.#write = write;
  }

  /** A step under `plan` was done just now, `seconds` after the one before. */
  stepDone(plan: Plan, step: number, seconds: number, { spans, reduceMsOf }: StepResult): void {
    if (plan.generation !== this.#generation) this.#begin(plan, spans);
    if (!isTraced(this.#numDone++, this.#numWhole)) return;
    const now = sharedNow();
    this.#write({
      type: 'step',
      step,
      generation: plan.generation,
      micros: Math.round(seconds * 1e6),
      spans: Object.fromEntries([...spans].map(([worker, times]) => [worker, packed(times, now)])),
      reduceMicros: Object.fromEntries(
        [...reduceMsOf].map(([worker, ms]) => [worker, Math.max(0, Math.round(ms * 1000))]),
      ),
    });
  }

  #begin(plan: Plan, spans: StepResult['spans']): void {
    this.#generation = plan.generation;
    this.#numDone = 0;
    const numTimes = [...spans.values()].reduce((sum, times) => sum + times.length, 0);
    this.#numWhole = Math.max(LEAST_WHOLE, Math.min(MOST_WHOLE, Math.floor(MOST_TIMES / Math.max(1, numTimes))));
    this.#write(tracedPlan(plan));
  }
}

/** Whether step number `n` of a plan, counted from 0, is traced: of each doubling behind `whole`, half of `whole`. */
export function isTraced(n: number, whole: number): boolean {
  return n < whole || n % 2 ** (Math.floor(Math.log2(n / whole)) + 1) === 0;
}

function tracedPlan(plan: Plan): TracedPlan {
  const seats: TracedPlan['seats'] = {};
  for (const [index, replica] of plan.replicas.entries()) {
    const schedule = replicaSchedule(plan, replica);
    const rowOf = workersByStage(schedule);
    for (const [stage, { worker }] of replica.stages.entries()) {
      const actions = present(schedule.workers[present(rowOf[stage], 'row of the stage')], 'actions of the worker');
      seats[worker] ??= { replica: index, actions: actions.map(showAction).join(' ') };
    }
  }
  return { type: 'plan', generation: plan.generation, seats };
}
