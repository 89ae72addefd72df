// StageSeat: all that a worker has for one stage of its seat: compiled programs, borders, gradient exchange, frozen
// prefix, updates. Made in two halves, so that everybody's memory exists before anybody maps it. The order in which the
// stages of a worker act is not its business.
import { codecOf } from '../../cache/codec.js';
import type { Action } from '../../pipeline/action.js';
import { StageRunner } from '../../pipeline/stage-runner.js';
import { invariant, present } from '../core/invariant.js';
import type { StageAssignment } from '../core/plan.js';
import { countIds } from '../data/dataset.js';
import { type ChunkSquares, GradientExchange } from '../dp/gradient-exchange.js';
import type { StagePrograms } from '../model/compile.js';
import type { Order } from '../protocol/messages.js';
import type { BoundUpdate } from '../tensor/optimizer.js';
import type { Shape } from '../tensor/shape.js';
import { Border } from './border.js';
import { FrozenPrefix } from './frozen-prefix.js';
import { openCache } from './open-cache.js';
import type { SeatingOptions } from './seating-options.js';

export interface Evaluation {
  readonly index: number;
  readonly loss: number;
  readonly score: number | null;
}

/** A micro-batch of validation samples; `n` counts those of the replica. */
export interface ValidationBatch {
  readonly n: number;
  readonly index: number;
  readonly ids: Int32Array;
}

export class StageSeat {
  readonly stage: number;
  readonly #options: SeatingOptions;
  readonly #programs: StagePrograms;
  readonly #exchange: GradientExchange;
  /** Towards the data and towards the loss; null where there is no stage. */
  readonly #upper: Border | null;
  readonly #lower: Border | null;
  #prefix: FrozenPrefix | null = null;
  #runner: StageRunner | null = null;
  #updates: { readonly block: number; readonly bound: BoundUpdate }[] = [];

  /** First half: compiles, and creates the memory that others will map. */
  constructor(options: SeatingOptions, stage: number) {
    this.stage = stage;
    this.#options = options;
    const { plan, seat, neighbours } = options;
    const { folder, worker } = options.place;
    const { from, to } = this.#blocks;
    this.#programs = options.device.compiler.stage({
      from,
      to,
      microBatch: plan.microBatch,
      needsInputGradient: stage > 0,
    });
    this.#exchange = new GradientExchange({
      folder,
      plan,
      of: { replica: seat.replica, stage, worker },
      lengths: options.subject.layouts.map((layout) => layout.length),
      adder: options.device.adder,
      signals: {
        arrived: (kind, step, peer) =>
          neighbours.wait(`${kind} ${plan.generation} ${step} ${peer.worker} ${peer.stage} ${stage}`),
        ring: (kind, step, peer) =>
          neighbours.ring(peer.worker, `${kind} ${plan.generation} ${step} ${worker} ${stage} ${peer.stage}`),
      },
      remote: neighbours,
    });
    this.#upper = stage === 0 ? null : this.#borderTo(stage - 1, from);
    this.#lower = this.#isLast ? null : this.#borderTo(stage + 1, to);
  }

  /** The workers that this stage rings. */
  get contacts(): string[] {
    const { stages } = this.#options.seat;
    const around = [stages[this.stage - 1], stages[this.stage + 1]].flatMap((stage) =>
      stage === undefined ? [] : [stage.worker],
    );
    return [...around, ...this.#exchange.peers.map(({ worker }) => worker)];
  }

  /**
   * Second half: everybody's memory exists and every contact is reached. `actions` are those of this stage, in order.
   */
  open(actions: readonly Action[]): StageRunner {
    const { plan, seat, neighbours } = this.#options;
    const { layouts, dataset, seed } = this.#options.subject;
    const { executor, pool } = this.#options.device;
    const { store } = this.#options.place;
    const { stage } = this;
    const { from, recompute = false } = this.#blocks;
    this.#exchange.open();
    this.#upper?.open();
    this.#lower?.open();
    const prefix = (this.#prefix = this.#openPrefix());
    const prefixOutputs =
      prefix === null
        ? null
        : Array.from({ length: seat.count }, () => new Float32Array(this.#shapeAt(from).reduce((a, b) => a * b, 1)));
    this.#runner = new StageRunner({
      executor,
      pool,
      recompute,
      programs: this.#programs,
      layouts,
      weights: (block) => store.weights(block),
      gradientOffset: (block) => this.#exchange.offset(block),
      borders: {
        activationIn: this.#upper?.arriving ?? prefixOutputs,
        activationOut: this.#lower?.leaving ?? null,
        gradientIn: this.#lower?.arriving ?? null,
        gradientOut: this.#upper?.leaving ?? null,
      },
      signals: {
        arrived: (kind, step, micro) => neighbours.wait(`${kind} ${plan.generation} ${step} ${stage} ${micro}`),
        ring: (kind, step, micro) => {
          const next = stage + (kind === 'F' ? 1 : -1);
          (kind === 'F' ? this.#lower : this.#upper)?.send(micro);
          neighbours.ring(this.#workerAt(next), `${kind} ${plan.generation} ${step} ${next} ${micro}`);
        },
      },
      dataset,
      seed,
      microBatch: plan.microBatch,
      start: seat.start,
      actions,
      prefix: prefix === null ? null : (ids, out) => prefix.load(ids, out),
    });
    this.#bindUpdates();
    return this.#runner;
  }

  /** Hits and misses of the frozen prefix's cache since the seat was taken, and what reading and writing it took. */
  get prefixCounts(): { readonly hits: number; readonly misses: number; readonly cacheMs: number } {
    return { hits: this.#prefix?.hits ?? 0, misses: this.#prefix?.misses ?? 0, cacheMs: this.#prefix?.cacheMs ?? 0 };
  }

  /** Tells the cache of the frozen prefix which samples the next step will ask for: `ids` of the global batch. */
  prefetch(ids: Int32Array): void {
    const { seat, plan } = this.#options;
    this.#prefix?.prefetch(ids.subarray(seat.start * plan.microBatch, (seat.start + seat.count) * plan.microBatch));
  }

  /** Where the gradients of a step's micro-batches are summed. */
  beginStep(): ReturnType<GradientExchange['beginStep']> {
    return this.#exchange.beginStep();
  }

  announce(step: number): void {
    this.#exchange.announce(step);
  }

  reduce(step: number): Promise<ChunkSquares[]> {
    return this.#exchange.reduce(step);
  }

  settled(step: number): Promise<void> {
    return this.#exchange.settled(step);
  }

  /** Applies the update of a step that the coordinator has committed, when its reduction is settled. */
  apply(commit: Extract<Order, { type: 'commit' }>): void {
    for (const { block, bound } of this.#updates) {
      const rate = commit.rates?.[block];
      bound.run(rate === undefined ? commit : { ...commit, learningRate: commit.learningRate * rate });
    }
  }

  /**
   * Evaluates one micro-batch. A stage runs ahead of the next by at most the places of the mailbox: a reader rings back
   * when a place is free.
   */
  async evaluate({ n, index, ids }: ValidationBatch): Promise<Evaluation | null> {
    const { plan, seat, neighbours } = this.#options;
    const { stage } = this;
    if (stage > 0) await neighbours.wait(`E ${plan.generation} ${stage} ${n}`);
    if (!this.#isLast && n >= seat.count) await neighbours.wait(`C ${plan.generation} ${stage} ${n - seat.count}`);
    const result = present(this.#runner, 'stage runner').evaluate(ids, n % seat.count);
    if (stage > 0) neighbours.ring(this.#workerAt(stage - 1), `C ${plan.generation} ${stage - 1} ${n}`);
    if (!this.#isLast) {
      this.#lower?.send(n % seat.count);
      neighbours.ring(this.#workerAt(stage + 1), `E ${plan.generation} ${stage + 1} ${n}`);
    }
    return result === null ? null : { index, ...result };
  }

  /** Takes the last credits of an evaluation of `count` micro-batches: the next one counts from 0 again. */
  async endEvaluation(count: number): Promise<void> {
    const { plan, seat, neighbours } = this.#options;
    if (this.#isLast) return;
    for (let n = Math.max(0, count - seat.count); n < count; n++)
      await neighbours.wait(`C ${plan.generation} ${this.stage} ${n}`);
  }

  close(): void {
    for (const { bound } of this.#updates) bound.free();
    this.#runner?.close();
    this.#prefix?.close();
    this.#exchange.close();
    this.#upper?.close();
    this.#lower?.close();
  }

  get #blocks(): StageAssignment {
    return present(this.#options.seat.stages[this.stage], `stage ${this.stage}`);
  }

  get #isLast(): boolean {
    return this.stage === this.#options.seat.stages.length - 1;
  }

  #workerAt(stage: number): string {
    return present(this.#options.seat.stages[stage], `stage ${stage}`).worker;
  }

  /** The border to a neighbouring stage, over which the input of `block` goes. */
  #borderTo(stage: number, block: number): Border {
    const { plan, seat, place, neighbours } = this.#options;
    const { folder, worker } = place;
    return new Border({
      folder,
      generation: plan.generation,
      worker,
      stage: this.stage,
      neighbour: { worker: this.#workerAt(stage), stage },
      numPlaces: seat.count,
      shape: this.#shapeAt(block),
      neighbours,
    });
  }

  /** Shape of the activation that enters block `block`. */
  #shapeAt(block: number): Shape {
    return present(this.#options.shapes[block - 1], `output shape of block ${block - 1}`);
  }

  #openPrefix(): FrozenPrefix | null {
    const { plan, shapes, cache: settings } = this.#options;
    const { dataset, layouts } = this.#options.subject;
    const { executor, compiler } = this.#options.device;
    const { store, folder } = this.#options.place;
    if (this.stage > 0 || plan.frozen === 0) return null;
    invariant(
      this.#blocks.from === plan.frozen,
      () => `stage 0 starts at block ${this.#blocks.from}, ${plan.frozen} are frozen`,
    );
    const weights = (block: number): Float32Array => store.weights(block);
    const cache = plan.usesCache
      ? openCache({
          settings,
          folder,
          shapes,
          numSamples: countIds(dataset),
          weights,
          depth: plan.frozen,
          previousDepth: plan.previousCacheDepth,
          onOff: settings.onOff,
        })
      : null;
    return new FrozenPrefix({
      executor,
      compiler,
      dataset,
      layouts,
      weights,
      frozen: plan.frozen,
      microBatch: plan.microBatch,
      cache,
      codec: codecOf(settings.isWanted ? settings.codec : 'f32'),
      verifies: settings.isVerified,
    });
  }

  #bindUpdates(): void {
    const { subject, device, place } = this.#options;
    const { store } = place;
    const { from: first, to: end } = this.#blocks;
    for (let block = first; block < end; block++) {
      const weights = store.weights(block);
      const states = store.states(block);
      const { segments } = present(subject.layouts[block], `layout of block ${block}`);
      for (const { from, to, data } of this.#exchange.shards(block)) {
        const clipped = segments
          .map(({ offset, length, decays }) => ({
            offset: Math.max(offset, from) - from,
            end: Math.min(offset + length, to) - from,
            decays,
          }))
          .filter(({ offset, end: last }) => last > offset)
          .map(({ offset, end: last, decays }) => ({ offset, length: last - offset, decays }));
        this.#updates.push({
          block,
          bound: device.optimizer.bind(
            weights.subarray(from, to),
            data,
            states.map((state) => state.subarray(from, to)),
            clipped,
          ),
        });
      }
    }
  }
}
