// OwedReports: what a worker owes its coordinator by the orders that it was given: reports about the generation, the
// step, the snapshot that it was asked for, of the sizes that its seat says (expected-report.ts). That a report has its
// place at all is worker-state.ts's business; this is about what is in it.
import { type Plan, seatOf } from '../core/plan.js';
import { costsProblem, ExpectedReport, type RunFacts } from './expected-report.js';
import type { Order, Report, ReportOf } from './messages.js';

/** What a worker may report on its own, so often while it takes part; nobody who is honest comes near it. */
const MOST_UNASKED = { dropped: 1000, leaving: 100 } as const;
/** A cache that is given up is told once or twice per plan. */
const MOST_CACHE_OFF = 8;

interface Owed {
  readonly step: number;
  readonly version: number;
}

export class OwedReports {
  readonly #worker: string;
  readonly #facts: () => RunFacts | null;
  readonly #unasked = { dropped: 0, leaving: 0 };
  #plan: Plan | null = null;
  #keeper = 0;
  #expected: ExpectedReport | null = null;
  #step = -1;
  #stride = 1;
  #snapshots: Owed[] = [];
  #numCacheOff = 0;

  /** `facts` are asked when a plan is ordered; null before the run is read. */
  constructor(worker: string, facts: () => RunFacts | null) {
    this.#worker = worker;
    this.#facts = facts;
  }

  /** An order is given. */
  ordered(order: Order): void {
    switch (order.type) {
      case 'prepare':
        return this.#prepare(order.plan, order.keeper);
      case 'start':
        this.#step = order.step;
        return;
      case 'commit':
        this.#step = order.goesOn ? order.step + 1 : order.step;
        if (order.snapshot !== null) this.#owe({ step: order.step, version: order.snapshot });
        return;
      case 'snapshot':
        return this.#owe(order);
      case 'evaluate':
        this.#stride = order.stride;
        return;
      case 'abort':
        this.#snapshots = [];
        return;
      default:
        return;
    }
  }

  /** What is wrong with a report that has its place, or null. */
  problemOf(report: Report): string | null {
    switch (report.type) {
      case 'costs':
        return costsProblem(report, this.#facts()?.lengths.length ?? null);
      case 'step-ready':
        return this.#expected === null ? this.#noSeat('a step') : this.#expected.step(report, this.#step);
      case 'evaluated':
        return this.#expected === null ? this.#noSeat('a validation') : this.#expected.evaluation(report, this.#stride);
      case 'prepared':
      case 'active':
      case 'state-copied':
        return this.#generation(report.generation);
      case 'paused':
        return this.#generation(report.generation) ?? this.#paused(report);
      case 'snapshot-written':
        return this.#snapshot(report);
      case 'cache-off':
        return ++this.#numCacheOff <= MOST_CACHE_OFF ? null : `it gave its cache up ${this.#numCacheOff} times`;
      case 'dropped':
      case 'leaving':
        return this.#unaskedFor(report.type);
      default:
        return null;
    }
  }

  #prepare(plan: Plan, keeper: number): void {
    this.#plan = plan;
    this.#keeper = keeper;
    this.#expected = seatOf(plan, this.#worker) === null ? null : new ExpectedReport(plan, this.#worker, this.#facts());
    this.#snapshots = [];
    this.#numCacheOff = 0;
  }

  /** Only the keeper writes; the others are told so as to go on together. */
  #owe(snapshot: Owed): void {
    const { step, version } = snapshot;
    if (this.#plan === null || seatOf(this.#plan, this.#worker)?.replica !== this.#keeper) return;
    // One is written at a time; whichever was given up need not be told of.
    this.#snapshots = [...this.#snapshots.slice(-1), { step, version }];
  }

  #snapshot({ step, version }: ReportOf<'snapshot-written'>): string | null {
    const at = this.#snapshots.findIndex((owed) => owed.step === step && owed.version === version);
    if (at < 0) return `it reported snapshot ${version} of step ${step}, which nobody asked for`;
    this.#snapshots.splice(at, 1);
    return null;
  }

  #generation(generation: number): string | null {
    const expected = this.#plan?.generation ?? null;
    return generation === expected ? null : `it reported generation ${generation}, it was ordered ${expected}`;
  }

  #paused({ step }: ReportOf<'paused'>): string | null {
    return step === this.#step ? null : `it paused after step ${step}, it was to do so after ${this.#step}`;
  }

  #noSeat(what: string): string {
    return `it reported ${what} without a seat in the plan`;
  }

  #unaskedFor(type: keyof typeof MOST_UNASKED): string | null {
    return ++this.#unasked[type] <= MOST_UNASKED[type] ? null : `it sent "${type}" ${this.#unasked[type]} times`;
  }
}
