// StageSeat: all that a worker has for one stage of its seat: compiled programs, links to the neighbours, gradient
// exchange, frozen prefix, updates. Made in two halves, so that everybody's memory exists before anybody maps it. The
// order in which the stages of a worker act is not its business.
import type { ActivationCache } from '../../cache/activation-cache.js';
import { codecFor } from '../../cache/codec.js';
import type { Action } from '../../pipeline/action.js';
import { StageRunner } from '../../pipeline/stage-runner.js';
import { invariant, present } from '../core/invariant.js';
import { absentOf, blocksIn, isUpdated, type StageAssignment } from '../core/plan.js';
import { countIds } from '../data/dataset.js';
import { type ChunkSquares, GradientExchange } from '../dp/gradient-exchange.js';
import { ResidentBlocks } from '../dp/resident-blocks.js';
import { activationDtype } from '../model/block.js';
import type { StagePrograms } from '../model/compile.js';
import { type GradientLayout, gradientLayout, NO_GRADIENT } from '../model/gradient-layout.js';
import { RoundedParameters } from '../model/rounded-parameters.js';
import { sharedParameters } from '../model/shared-parameters.js';
import type { ParameterSlabs } from '../model/slab.js';
import { bellKey } from '../protocol/bells.js';
import type { Order } from '../protocol/messages.js';
import { isResident } from '../tensor/executor.js';
import { type HostArray, hostArray, type Shape } from '../tensor/shape.js';
import { FrozenPrefix } from './frozen-prefix.js';
import { openCache } from './open-cache.js';
import type { SeatingOptions } from './seating-options.js';
import { StageLinks } from './stage-links.js';
import { type BlockVectors, StageUpdates } from './stage-updates.js';

export interface Evaluation {
  readonly index: number;
  /** See ProgramBinding.statistics. */
  readonly statistics: Float32Array<ArrayBuffer>;
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
  readonly #links: StageLinks;
  readonly #rounded: RoundedParameters;
  /** Null where programs compute in the host's memory. */
  readonly #resident: ResidentBlocks | null;
  readonly #gradientLayouts = new Map<number, GradientLayout>();
  #prefix: FrozenPrefix | null = null;
  #runner: StageRunner | null = null;
  #updates: StageUpdates | null = null;

  /** First half: compiles, and creates the memory that others will map. */
  constructor(options: SeatingOptions, stage: number) {
    this.stage = stage;
    this.#options = options;
    const { plan, seat, device, place, neighbours } = options;
    const { folder, worker } = place;
    const { from, to } = this.#blocks;
    const { microBatch } = plan;
    this.#programs = device.compiler.stage({
      from,
      to,
      microBatch,
      needsInputGradient: stage > 0,
      absent: absentOf(plan),
    });
    this.#exchange = this.#newExchange();
    const { memory } = device.executor;
    this.#resident = memory === undefined ? null : new ResidentBlocks(memory, place.store);
    this.#rounded = new RoundedParameters(device.executor, this.#parameters);
    const shapeAt = (block: number): Shape => this.#shapeAt(block);
    const { model } = options.subject;
    this.#links = new StageLinks({ folder, plan, seat, stage, worker, model, shapeAt, neighbours });
  }

  /** The workers that this stage rings. */
  get contacts(): string[] {
    return [...this.#links.workers, ...this.#exchange.contacts];
  }

  /**
   * Second half: everybody's memory exists and every contact is reached. `actions` are those of this stage, in order.
   */
  open(actions: readonly Action[]): StageRunner {
    const { plan, seat, subject, device } = this.#options;
    const { layouts, dataset, seed } = subject;
    const { executor, pool } = device;
    const { stage } = this;
    const { recompute = false } = this.#blocks;
    this.#exchange.open();
    this.#links.open();
    const prefix = (this.#prefix = this.#openPrefix());
    this.#runner = new StageRunner({
      duty: { replica: seat.replica, stage, start: seat.start, microBatch: plan.microBatch, actions, recompute },
      device: { executor, pool },
      programs: this.#programs,
      tensors: {
        parameters: this.#parameters,
        rounded: this.#rounded,
        gradientOffset: (block) => this.#exchange.offset(block),
        gradientLayouts: layouts.map((layout, block) => (this.#trains(block) ? this.#gradientLayout(block) : layout)),
        borders: this.#links.borders(prefix === null ? null : this.#prefixOutputs()),
      },
      source: { dataset, seed, prefix: prefix === null ? null : (ids, out) => prefix.load(ids, out) },
      signals: this.#links.signals,
    });
    // What is on a device is brought there when it is needed: the seat before may still have its own.
    if (this.#resident === null) this.#updates = this.#newUpdates();
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

  /** See GradientExchange. */
  combine(step: number): Promise<ChunkSquares[]> {
    return this.#exchange.combine(step);
  }

  settled(step: number): Promise<void> {
    return this.#exchange.settled(step);
  }

  /** Applies the update of a step that the coordinator has committed, when its reduction is settled. */
  apply(commit: Extract<Order, { type: 'commit' }>): void {
    (this.#updates ??= this.#newUpdates()).apply(commit);
    this.#rounded.refresh();
    this.#prefix?.refresh();
    this.#resident?.noteUpdate();
  }

  /** Whether `apply` leaves the block store as it is until `bringHome`. */
  get isResident(): boolean {
    return this.#resident !== null;
  }

  /** Makes the block store have what this stage has trained, while nobody copies from it. */
  bringHome(): void {
    this.#resident?.bringHome();
  }

  /** Evaluates one micro-batch, as soon as the neighbours let it. */
  async evaluate({ n, index, ids }: ValidationBatch): Promise<Evaluation | null> {
    await this.#links.evaluationArrived(n);
    const place = n % this.#options.seat.count;
    const result = present(this.#runner, 'stage runner').evaluate(index, ids, place);
    this.#links.evaluationDone(n);
    return result === null ? null : { index, ...result };
  }

  /** Ends an evaluation of `count` micro-batches. */
  endEvaluation(count: number): Promise<void> {
    return this.#links.endEvaluation(count);
  }

  close(): void {
    this.#updates?.free();
    this.#runner?.close();
    this.#rounded.close();
    this.#prefix?.close();
    this.#exchange.close();
    this.#resident?.free();
    this.#links.close();
  }

  get #blocks(): StageAssignment {
    return present(this.#options.seat.stages[this.stage], `stage ${this.stage}`);
  }

  get #parameters(): ParameterSlabs {
    return { layouts: this.#options.subject.layouts, of: (block) => this.#vectors.weights(block) };
  }

  get #vectors(): BlockVectors {
    return this.#resident ?? this.#options.place.store;
  }

  #newUpdates(): StageUpdates {
    const { subject, device, plan } = this.#options;
    const { from, to } = this.#blocks;
    const frozen = this.stage > 0 ? [] : blocksIn(plan, { from: 0, to: plan.frozen });
    const blocks = [...frozen.filter((block) => isUpdated(plan, plan.frozen, block)), ...blocksIn(plan, { from, to })];
    return new StageUpdates({
      blocks,
      layouts: subject.layouts,
      store: this.#vectors,
      optimizer: device.optimizer,
      exchange: this.#exchange,
    });
  }

  #newExchange(): GradientExchange {
    const { plan, seat, subject, device, place, neighbours } = this.#options;
    const { folder, worker } = place;
    const { generation } = plan;
    const { stage } = this;
    return new GradientExchange({
      folder,
      plan,
      of: { replica: seat.replica, stage, worker },
      layoutOf: (block) => this.#gradientLayout(block),
      adder: device.adder,
      device: isResident(device.executor) ? device.executor : null,
      signals: {
        arrived: (kind, step, peer) =>
          neighbours.wait(peer.worker, bellKey(kind, { generation, step }, peer.worker, peer.stage, stage)),
        ring: (kind, step, peer) =>
          neighbours.ring(peer.worker, bellKey(kind, { generation, step }, worker, stage, peer.stage)),
      },
      remote: neighbours,
      shared: sharedParameters(subject.model.blocks),
    });
  }

  /** How the gradient of a block is kept, by whichever worker. */
  #gradientLayout(block: number): GradientLayout {
    const known = this.#gradientLayouts.get(block);
    if (known !== undefined) return known;
    const { plan, subject, device } = this.#options;
    if (absentOf(plan).includes(block)) return NO_GRADIENT;
    const slab = present(subject.layouts[block], `layout of block ${block}`);
    const layout = gradientLayout(slab, device.compiler.rowTables(block, plan.microBatch));
    this.#gradientLayouts.set(block, layout);
    return layout;
  }

  /** Whether a block is one of this stage. */
  #trains(block: number): boolean {
    const { from, to } = this.#blocks;
    return from <= block && block < to;
  }

  /** Shape of the activation that enters block `block`. */
  #shapeAt(block: number): Shape {
    return present(this.#options.shapes[block - 1], `output shape of block ${block - 1}`);
  }

  /** Where the output of the frozen prefix lies, one array per micro-batch. */
  #prefixOutputs(): HostArray[] {
    const { from } = this.#blocks;
    const dtype = activationDtype(this.#options.subject.model, from - 1);
    return Array.from({ length: this.#options.seat.count }, () => hostArray(dtype, this.#shapeAt(from)));
  }

  #openPrefix(): FrozenPrefix | null {
    const { plan, subject, device, cache } = this.#options;
    const { executor, compiler } = device;
    const { dataset } = subject;
    if (this.stage > 0 || plan.frozen === 0) return null;
    invariant(
      this.#blocks.from === plan.frozen,
      () => `stage 0 starts at block ${this.#blocks.from}, ${plan.frozen} are frozen`,
    );
    return new FrozenPrefix({
      executor,
      compiler,
      dataset,
      parameters: this.#parameters,
      frozen: plan.frozen,
      microBatch: plan.microBatch,
      records: {
        cache: plan.usesCache ? this.#openCache() : null,
        codec: codecFor(cache.isWanted ? cache.codec : 'f32', activationDtype(subject.model, plan.frozen - 1)),
        verifies: cache.isVerified,
      },
    });
  }

  #openCache(): ActivationCache | null {
    const { plan, shapes, subject, place, cache } = this.#options;
    return openCache({
      settings: cache,
      folder: place.folder,
      shapes,
      dtypeOf: (block) => activationDtype(subject.model, block),
      numSamples: countIds(subject.dataset),
      weights: (block) => place.store.weights(block),
      depth: plan.frozen,
      previousDepth: plan.previousCacheDepth,
      onOff: cache.onOff,
    });
  }
}
