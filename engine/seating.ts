// Seating: all that a worker has because of its seat in one plan: compiled programs, borders, gradient exchange, frozen prefix, updates. Made in two
// halves, so that everybody's memory exists before anybody maps it. It is thrown away as a whole on the next plan.
import type { Order, Report } from './messages.js';
import type { Plan, Seat } from './plan.js';
import { invariant, present } from './core/invariant.js';
import type { Dataset } from './data/dataset.js';
import type { BlockStore } from './dp/block-store.js';
import { GradientExchange } from './dp/gradient-exchange.js';
import { Mailbox } from './dp/mailbox.js';
import { mailboxFile } from './dp/memory-names.js';
import { FrozenPrefix } from './frozen-prefix.js';
import { openCache } from './open-cache.js';
import type { Model } from './model/block.js';
import { compileStage, type StagePrograms } from './model/compile.js';
import type { SlabLayout } from './model/slab.js';
import type { Neighbours } from './neighbours.js';
import { StageRunner, type StepTimes } from '../pipeline/stage-runner.js';
import { makeSchedule } from '../pipeline/schedules/registry.js';
import type { BufferPool } from './tensor/buffer-pool.js';
import type { Executor } from './tensor/executor.js';
import type { BoundUpdate, Optimizer } from './tensor/optimizer.js';
import type { Shape } from './tensor/shape.js';

export interface SeatingOptions {
  readonly worker: string;
  readonly plan: Plan;
  readonly seat: Seat;
  readonly folder: string;
  readonly seed: number;
  readonly model: Model;
  readonly dataset: Dataset;
  readonly layouts: readonly SlabLayout[];
  readonly shapes: readonly Shape[];
  readonly executor: Executor;
  readonly optimizer: Optimizer;
  readonly store: BlockStore;
  /** Lends the buffers of this worker. */
  readonly pool: BufferPool;
  readonly neighbours: Neighbours;
  readonly cacheBytes: number;
  readonly verifiesCache: boolean;
  readonly onCacheOff: (reason: string) => void;
}

export interface Evaluation {
  readonly index: number;
  readonly loss: number;
  readonly score: number | null;
}

export class Seating {
  readonly #options: SeatingOptions;
  readonly #programs: StagePrograms;
  readonly #exchange: GradientExchange;
  /** Mailboxes this seat owns, and those of its neighbours that it writes to. */
  readonly #in: Mailbox | null;
  readonly #back: Mailbox | null;
  #downstream: Mailbox | null = null;
  #upstream: Mailbox | null = null;
  #prefix: FrozenPrefix | null = null;
  #runner: StageRunner | null = null;
  #updates: BoundUpdate[] = [];

  /** First half: compiles, and creates the memory that others will map. */
  constructor(options: SeatingOptions) {
    this.#options = options;
    const { plan, seat, model, dataset, folder, worker, layouts } = options;
    this.#programs = compileStage({ model, data: dataset.info, from: seat.from, to: seat.to, microBatch: plan.microBatch, needsInputGradient: seat.stage > 0 });
    this.#exchange = new GradientExchange({
      folder,
      worker,
      plan,
      lengths: layouts.map((layout) => layout.length),
      signals: {
        arrived: (kind, step, from) => options.neighbours.wait(`${kind} ${plan.generation} ${step} ${from}`),
        ring: (kind, step, to) => options.neighbours.ring(to, `${kind} ${plan.generation} ${step} ${worker}`),
      },
    });
    this.#in = seat.stage === 0 ? null : Mailbox.create(mailboxFile(folder, worker, plan.generation, 'in'), seat.count, this.#shapeAt(seat.from));
    this.#back = this.#isLast ? null : Mailbox.create(mailboxFile(folder, worker, plan.generation, 'back'), seat.count, this.#shapeAt(seat.to));
  }

  /** The workers this seat rings. */
  get #contacts(): string[] {
    const { seat } = this.#options;
    const around = [seat.stages[seat.stage - 1], seat.stages[seat.stage + 1]].flatMap((stage) => (stage === undefined ? [] : [stage.worker]));
    return [...around, ...this.#exchange.peers];
  }

  /** Second half: everybody's memory exists; connect to it. */
  async activate(addresses: Readonly<Record<string, string>>): Promise<void> {
    const { plan, seat, folder, neighbours, store, executor, layouts, dataset, seed, pool } = this.#options;
    await neighbours.reach(addresses, this.#contacts);
    this.#exchange.open();
    if (!this.#isLast) this.#downstream = Mailbox.open(mailboxFile(folder, this.#workerAt(seat.stage + 1), plan.generation, 'in'), seat.count, this.#shapeAt(seat.to));
    if (seat.stage > 0) this.#upstream = Mailbox.open(mailboxFile(folder, this.#workerAt(seat.stage - 1), plan.generation, 'back'), seat.count, this.#shapeAt(seat.from));
    const prefix = (this.#prefix = this.#openPrefix());
    const prefixOutputs =
      prefix === null ? null : Array.from({ length: seat.count }, () => new Float32Array(this.#shapeAt(seat.from).reduce((a, b) => a * b, 1)));
    this.#runner = new StageRunner({
      executor,
      pool,
      recompute: seat.recompute,
      programs: this.#programs,
      layouts,
      from: seat.from,
      to: seat.to,
      weights: (block) => store.weights(block),
      gradientOffset: (block) => this.#exchange.offset(block),
      borders: {
        activationIn: this.#in?.places ?? prefixOutputs,
        activationOut: this.#downstream?.places ?? null,
        gradientIn: this.#back?.places ?? null,
        gradientOut: this.#upstream?.places ?? null,
      },
      signals: {
        arrived: (kind, step, micro) => neighbours.wait(`${kind} ${plan.generation} ${step} ${micro}`),
        ring: (kind, step, micro) => neighbours.ring(this.#workerAt(seat.stage + (kind === 'F' ? 1 : -1)), `${kind} ${plan.generation} ${step} ${micro}`),
      },
      dataset,
      seed,
      microBatch: plan.microBatch,
      start: seat.start,
      count: seat.count,
      actions: present(makeSchedule(plan.schedule, seat.stages.length, seat.count).workers[seat.stage], 'actions of the stage'),
      prefix: prefix === null ? null : (ids, out) => prefix.load(ids, out),
    });
    this.#bindUpdates();
  }

  /** Forward, backward and reduction of one step; the update waits for the commit. */
  async runStep(step: number, ids: Int32Array): Promise<Report> {
    const { plan } = this.#options;
    const times: StepTimes = { computeMs: 0, waitMs: 0 };
    const prefixBefore = { hits: this.#prefix?.hits ?? 0, misses: this.#prefix?.misses ?? 0 };
    const total = ids.reduce((sum, id) => sum + (id >= 0 ? 1 : 0), 0);
    const losses = await present(this.#runner, 'stage runner').runStep(step, ids, total, this.#exchange.beginStep(), times);
    const begin = performance.now();
    const squares = await this.#exchange.reduce(step);
    return {
      type: 'step-ready',
      generation: plan.generation,
      step,
      losses,
      squares,
      ...times,
      reduceMs: performance.now() - begin,
      cacheHits: (this.#prefix?.hits ?? 0) - prefixBefore.hits,
      cacheMisses: (this.#prefix?.misses ?? 0) - prefixBefore.misses,
      residentMb: process.memoryUsage.rss() / 2 ** 20,
    };
  }

  /** Applies the update of a step that the coordinator has committed. */
  async apply(commit: Extract<Order, { type: 'commit' }>): Promise<void> {
    await this.#exchange.settled(commit.step);
    for (const update of this.#updates) update.run(commit);
  }

  /**
   * Evaluates this replica's share of the validation micro-batches, in order; the results are on the last stage. Stages run ahead of each other by
   * at most the places of the mailbox: a reader rings back when a place is free.
   */
  async evaluate(batches: readonly { readonly index: number; readonly ids: Int32Array }[]): Promise<Evaluation[]> {
    const { plan, seat, neighbours } = this.#options;
    const runner = present(this.#runner, 'stage runner');
    const results: Evaluation[] = [];
    for (const [n, { index, ids }] of batches.entries()) {
      const place = n % seat.count;
      if (seat.stage > 0) await neighbours.wait(`E ${plan.generation} ${n}`);
      if (!this.#isLast && n >= seat.count) await neighbours.wait(`C ${plan.generation} ${n - seat.count}`);
      const result = runner.evaluate(ids, place);
      if (result !== null) results.push({ index, ...result });
      if (seat.stage > 0) neighbours.ring(this.#workerAt(seat.stage - 1), `C ${plan.generation} ${n}`);
      if (!this.#isLast) neighbours.ring(this.#workerAt(seat.stage + 1), `E ${plan.generation} ${n}`);
      // Lets doorbells and orders in between two computations.
      if (seat.stages.length === 1) await new Promise(setImmediate);
    }
    // The last credits belong to this evaluation; the next one counts from 0 again.
    if (!this.#isLast) for (let n = Math.max(0, batches.length - seat.count); n < batches.length; n++) await neighbours.wait(`C ${plan.generation} ${n}`);
    return results;
  }

  close(): void {
    for (const update of this.#updates) update.free();
    this.#runner?.close();
    this.#prefix?.close();
    this.#exchange.close();
    for (const mailbox of [this.#in, this.#back, this.#downstream, this.#upstream]) mailbox?.close();
  }

  get #isLast(): boolean {
    return this.#options.seat.stage === this.#options.seat.stages.length - 1;
  }

  #workerAt(stage: number): string {
    return present(this.#options.seat.stages[stage], `stage ${stage}`).worker;
  }

  /** Shape of the activation that enters block `block`. */
  #shapeAt(block: number): Shape {
    return present(this.#options.shapes[block - 1], `output shape of block ${block - 1}`);
  }

  #openPrefix(): FrozenPrefix | null {
    const { plan, seat, executor, model, dataset, layouts, shapes, store, folder, cacheBytes, verifiesCache, onCacheOff } = this.#options;
    if (seat.stage > 0 || plan.frozen === 0) return null;
    invariant(seat.from === plan.frozen, () => `stage 0 starts at block ${seat.from}, ${plan.frozen} are frozen`);
    const weights = (block: number): Float32Array => store.weights(block);
    const numSamples = dataset.numTrain + dataset.numValidation;
    const cache = plan.usesCache
      ? openCache({ folder, shapes, numSamples, capBytes: cacheBytes, weights, depth: plan.frozen, previousDepth: plan.previousCacheDepth, onOff: onCacheOff })
      : null;
    return new FrozenPrefix({ executor, model, dataset, layouts, weights, frozen: plan.frozen, microBatch: plan.microBatch, cache, verifies: verifiesCache });
  }

  #bindUpdates(): void {
    const { seat, store, optimizer, layouts } = this.#options;
    for (let block = seat.from; block < seat.to; block++) {
      const weights = store.weights(block);
      const states = store.states(block);
      const { segments } = present(layouts[block], `layout of block ${block}`);
      for (const { from, to, data } of this.#exchange.shards(block)) {
        const clipped = segments
          .map(({ offset, length, decays }) => ({ offset: Math.max(offset, from) - from, end: Math.min(offset + length, to) - from, decays }))
          .filter(({ offset, end }) => end > offset)
          .map(({ offset, end, decays }) => ({ offset, length: end - offset, decays }));
        this.#updates.push(optimizer.bind(weights.subarray(from, to), data, states.map((state) => state.subarray(from, to)), clipped));
      }
    }
  }
}
