// Seating: all that a worker has because of its seat in the plan in force: its stages, and the order in which they act.
// It is thrown away as a whole on the next plan.
import type { StepRunner } from '../../pipeline/step-runner.js';
import type { StepTimes } from '../../pipeline/step-times.js';
import { present } from '../core/invariant.js';
import { pipelineLength } from '../core/plan.js';
import { sharedNow } from '../core/shared-clock.js';
import { shareOf } from '../events/sample-share.js';
import type { Order, Report } from '../protocol/messages.js';
import type { SeatingOptions } from './seating-options.js';
import type { Evaluation, StageSeat, ValidationBatch } from './stage-seat.js';

export class Seating {
  readonly #options: SeatingOptions;
  readonly #stages: readonly StageSeat[];
  readonly #runner: StepRunner;
  /** What the update after the last step took. */
  #updateMs = 0;

  /** `stages` are those of the seat, open, in order; `runner` lets them act. */
  constructor(options: SeatingOptions, stages: readonly StageSeat[], runner: StepRunner) {
    this.#options = options;
    this.#stages = stages;
    this.#runner = runner;
  }

  /** Tells which samples the next step will ask for. */
  prefetch(ids: Int32Array): void {
    for (const stage of this.#stages) stage.prefetch(ids);
  }

  /** Forward, backward and reduction of one step; the update waits for the commit. */
  async runStep(step: number, ids: Int32Array): Promise<Report> {
    const { plan, seat, neighbours } = this.#options;
    neighbours.enter(plan.generation, step);
    const times: StepTimes = { computeMs: 0, waitMs: 0, spans: [] };
    const clock = sharedNow() - performance.now();
    const before = this.#prefixCounts;
    const total = ids.reduce((sum, id) => sum + (id >= 0 ? 1 : 0), 0);
    const sinks = new Map(this.#stages.map((stage) => [stage.stage, stage.beginStep()]));
    const losses = await this.#runner.runStep({ step, ids, total, times }, sinks);
    const begin = performance.now();
    for (const stage of this.#stages) stage.announce(step);
    const squares = [];
    for (const stage of this.#stages) squares.push(...(await stage.reduce(step)));
    for (const stage of this.#stages) squares.push(...(await stage.combine(step)));
    squares.sort((a, b) => a.block - b.block);
    const reduced = performance.now();
    const after = this.#prefixCounts;
    const { pool } = this.#options.device;
    const cacheMs = after.cacheMs - before.cacheMs;
    // Filling inputs and the cache are timed with the forward; the update of a step is done when its report has gone,
    // so it is told with the next one.
    const computeMs = times.computeMs - cacheMs + this.#updateMs;
    this.#updateMs = 0;
    return {
      type: 'step-ready',
      generation: this.#options.plan.generation,
      step,
      losses,
      squares,
      computeMs,
      waitMs: times.waitMs,
      spans: times.spans.map((ms) => ms + clock),
      reduceMs: reduced - begin,
      cacheMs,
      cacheHits: after.hits - before.hits,
      cacheMisses: after.misses - before.misses,
      ...this.#options.place.memory.read(),
      share: {
        replica: seat.replica,
        ...shareOf(ids, seat.start * plan.microBatch, (seat.start + seat.count) * plan.microBatch),
      },
      pool: { lent: pool.liveCount, lentBytes: pool.liveBytes, bytes: pool.liveBytes + pool.idleBytes },
    };
  }

  /** Applies the update of a step that the coordinator has committed. */
  async apply(commit: Extract<Order, { type: 'commit' }>): Promise<void> {
    for (const stage of this.#stages) await stage.settled(commit.step);
    const begin = performance.now();
    for (const stage of this.#stages) stage.apply(commit);
    this.#updateMs = performance.now() - begin;
  }

  /** Whether `apply` leaves the block store as it is until `bringHome`. */
  get isResident(): boolean {
    return this.#stages.some((stage) => stage.isResident);
  }

  /** Makes the block store have what these stages have trained, while nobody copies from it. */
  bringHome(): void {
    for (const stage of this.#stages) stage.bringHome();
  }

  /** Evaluates this replica's share of the validation micro-batches, in order; the results are on the last stage. */
  async evaluate(batches: readonly Omit<ValidationBatch, 'n'>[]): Promise<Evaluation[]> {
    const { seat } = this.#options;
    const results: Evaluation[] = [];
    // Stages of one worker take turns in groups of micro-batches, so that its neighbours always have work; no group may
    // overfill a mailbox.
    const group = this.#stages.length === 1 ? 1 : Math.min(pipelineLength(seat), seat.count);
    for (let first = 0; first < batches.length; first += group)
      for (const stage of this.#stages)
        for (const [i, batch] of batches.slice(first, first + group).entries()) {
          const result = await stage.evaluate({ ...batch, n: first + i });
          if (result !== null) results.push(result);
          // Lets doorbells and orders in between two computations.
          if (seat.stages.length === 1) await new Promise(setImmediate);
        }
    for (const stage of this.#stages) await stage.endEvaluation(batches.length);
    return results;
  }

  close(): void {
    for (const stage of this.#stages) stage.close();
  }

  get #prefixCounts(): StageSeat['prefixCounts'] {
    return present(this.#stages[0], 'a stage').prefixCounts;
  }
}
