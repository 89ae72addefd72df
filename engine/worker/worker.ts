// Worker: a process that owns one device and obeys one plan at a time. It takes orders one by one, computes, and
// reports; it decides nothing.
import { loadBlock } from '../checkpoint/checkpoint.js';
import type { Peer } from '../comm/peer.js';
import { InterruptedError, PipetrainError, toErrorRecord, WorkerError } from '../core/errors.js';
import { present } from '../core/invariant.js';
import { blocksOf, type Plan, type Restore, seatOf } from '../core/plan.js';
import { measureCosts } from '../costs/cost-probe.js';
import { answerHandovers, type HandoverCost, measureHandovers, partnerOf } from '../costs/handover-probe.js';
import type { BlockStore } from '../dp/block-store.js';
import { removeOldCaches } from '../memory/old-caches.js';
import type { OwnMeans } from '../protocol/invitation.js';
import type { Colleague, Order, Report } from '../protocol/messages.js';
import { PlanTransition } from '../protocol/plan-transition.js';
import { nextWorkerState, type WorkerCause, type WorkerState } from '../protocol/worker-state.js';
import { augmentationId } from '../run/run-dataset.js';
import { StateTransfer } from '../state/state-transfer.js';
import { equip, type Equipment, type Setup } from './equipment.js';
import { Neighbours, Unreachable } from './neighbours.js';
import { OrderQueue } from './order-queue.js';
import { Seating } from './seating.js';
import type { CacheSettings } from './stage-seat.js';

export interface WorkerHost {
  readonly worker: string;
  readonly token: string;
  /** Address on which it listens for its neighbours, and port (0 for a free one). */
  readonly host: string;
  readonly port: number;
  /** The coordinator: its address, and the connection to it. */
  readonly url: string;
  readonly home: Peer;
  /** What a worker that joined uses whatever the run says; null where the coordinator started it. */
  readonly own: OwnMeans | null;
  report(report: Report): void;
  /** Called with every plan this worker takes part in or is left out of. */
  readonly onSeat?: (plan: Plan) => void;
}

export class Worker {
  readonly #host: WorkerHost;
  readonly #orders = new OrderQueue<Order>();
  readonly #neighbours: Neighbours;
  #equipment: Equipment | null = null;
  #transfer: StateTransfer | null = null;
  /** The replica that snapshots and checkpoints are taken from. */
  #keeper = 0;
  #state: WorkerState = 'joining';
  readonly #transition: PlanTransition;
  #plan: Plan | null = null;
  #seating: Seating | null = null;
  /** The seating of the plan that is being prepared. */
  #next: Seating | null = null;
  /** The seating of the plan before, until there is time to put it away. */
  #former: Seating | null = null;

  constructor(host: WorkerHost) {
    this.#host = {
      ...host,
      report: (report) => {
        this.#move(report.type);
        host.report(report);
      },
    };
    this.#transition = new PlanTransition(`worker ${host.worker}`);
    this.#neighbours = new Neighbours({
      ...host,
      onDropped: (peer, reason) => this.#host.report({ type: 'dropped', peer, reason: reason.slice(0, 1000) }),
    });
    this.#neighbours.onRequest((message, peer) => present(this.#transfer, 'state to give').serve(message, peer));
  }

  /**
   * Takes an order of the coordinator. An abort reaches whatever waits for a neighbour at once; the rest comes in turn.
   */
  order(order: Order): void {
    if (order.type === 'ping') {
      // The coordinator asks four times in the time that a silence may last.
      if (this.#equipment !== null) this.#neighbours.beat(this.#equipment.setup.config.heartbeatSeconds * 1000);
      return this.#host.report({ type: 'pong' });
    }
    if (order.type === 'prewarm') return this.#equipment?.prewarmer.expect(order.plans, this.#host.worker);
    if (order.type === 'abort') this.#neighbours.abort();
    this.#orders.push(order);
  }

  /** Asks the coordinator to let this worker go; it works on until that says stop. */
  leave(): void {
    this.#host.report({ type: 'leaving' });
  }

  /** Ends the worker: the coordinator is gone. */
  disconnect(): void {
    this.#neighbours.abort();
    this.#orders.fail(new InterruptedError('the coordinator is gone', 'Look at the coordinator.'));
  }

  /** Obeys until told to stop. Reports its own failure before it rejects. */
  async run(): Promise<void> {
    try {
      for (;;) {
        const order = await this.#orders.next();
        this.#move(order.type);
        if (order.type === 'stop') break;
        try {
          await this.#obey(order);
        } catch (error) {
          if (!isAbandonable(error)) throw error;
          if (error.code !== 'PT_ABORTED')
            this.#host.report({
              type: 'stuck',
              message: error.message,
              about: error instanceof Unreachable ? error.worker : null,
            });
          await this.#skipToAbort();
        }
      }
    } catch (error) {
      this.#host.report({ type: 'failed', error: toErrorRecord(error) });
      throw error;
    } finally {
      await this.#close();
    }
  }

  /** Drops the orders of the work that is given up, and everything that belongs to its plan. */
  async #skipToAbort(): Promise<void> {
    for (;;) {
      const order = await this.#orders.next();
      if (order.type === 'stop') return this.#orders.putBack(order);
      if (order.type !== 'abort') continue;
      this.#move('abort');
      return this.#abort();
    }
  }

  /**
   * Throws a WorkerError (PT_PROTOCOL) for an order that has no place here, or a report that this worker must not make.
   */
  #move(cause: WorkerCause): void {
    this.#state = nextWorkerState(this.#host.worker, this.#state, cause);
  }

  #abort(): void {
    this.#transition.abandon();
    this.#next?.close();
    this.#next = null;
    this.#neighbours.reset();
    this.#host.report({ type: 'aborted' });
  }

  async #obey(order: Order): Promise<void> {
    // A snapshot is what all wait for at the end of a transition; the rest can do without the old seat's memory.
    if (order.type !== 'snapshot') this.#leaveFormer();
    switch (order.type) {
      case 'setup':
        return this.#setUp(order);
      case 'measure-costs':
        return this.#measure(order);
      case 'prepare':
        return this.#prepare(order);
      case 'activate':
        return this.#activate(order.generation);
      case 'start':
        return this.#train(order.generation, order.step);
      case 'evaluate':
        return this.#evaluate(order.generation, order.stride);
      case 'copy-state':
        return this.#copyState(order.generation);
      case 'snapshot':
        this.#writeSnapshot(order.step, order.version);
        return this.#leaveFormer();
      case 'abort':
        return this.#abort();
      case 'commit':
      case 'stop':
      case 'ping':
      case 'prewarm':
        throw new WorkerError(
          'PT_PROTOCOL',
          `worker ${this.#host.worker} got the order "${order.type}" where none was due`,
          'Report this.',
        );
    }
  }

  async #setUp(order: Setup): Promise<void> {
    const begin = performance.now();
    this.#equipment = await equip(order, this.#host.worker, this.#host.own);
    const { executor, domain, store } = this.#equipment;
    this.#transfer = new StateTransfer(this.#neighbours, store);
    const port = await this.#neighbours.open();
    this.#host.report({
      type: 'ready',
      device: executor.name,
      ...port,
      domain,
      computeMs: this.#computeMs(order.microBatch),
      startSeconds: (performance.now() - begin) / 1000,
    });
  }

  /**
   * What another host takes for a micro-batch. Workers of the coordinator's host are as fast as those that measured:
   * beside one that trains a measurement says more about that.
   */
  #computeMs(microBatch: number): number | null {
    if (this.#host.own === null || this.#own.isHome) return null;
    const { setup, ...own } = this.#own;
    const { blocks } = measureCosts({
      ...own,
      shapes: own.compiler.outputShapes(microBatch),
      microBatch,
      seed: setup.config.seed,
    });
    return blocks.reduce((sum, { forwardMs, backwardMs }) => sum + forwardMs + backwardMs, 0);
  }

  async #measure({ microBatch, workers, colleagues }: Extract<Order, { type: 'measure-costs' }>): Promise<void> {
    const { setup, ...own } = this.#own;
    const costs = measureCosts({
      ...own,
      shapes: own.compiler.outputShapes(microBatch),
      microBatch,
      seed: setup.config.seed,
    });
    this.#host.report({ type: 'costs', ...costs, handover: await this.#measureHandovers(workers, colleagues) });
  }

  async #measureHandovers(
    workers: readonly string[],
    colleagues: Readonly<Record<string, Colleague>>,
  ): Promise<HandoverCost | null> {
    const { worker } = this.#host;
    const partner = partnerOf(worker, workers);
    if (partner === null) return null;
    this.#neighbours.meet(colleagues);
    await this.#neighbours.reach([partner]);
    if (workers.indexOf(worker) % 2 === 0) return measureHandovers(this.#neighbours, worker, partner);
    await answerHandovers(this.#neighbours, worker, partner);
    return null;
  }

  /** First half of a transition. The old seating stays whole: others may still copy from this worker's memory. */
  async #prepare({ plan, keeper, colleagues }: Extract<Order, { type: 'prepare' }>): Promise<void> {
    this.#transition.prepare(plan.generation);
    const own = this.#own;
    // What is not ready by now is needed now, or not at all.
    own.prewarmer.stop();
    own.executor.takeCounts();
    own.compiler.takeMs();
    const begin = performance.now();
    const { worker } = this.#host;
    this.#neighbours.meet(colleagues);
    this.#keeper = keeper;
    const movedBytes = await this.#fetchState(plan);
    const stateMs = performance.now() - begin;
    this.#plan = plan;
    const seat = seatOf(plan, worker);
    if (seat !== null)
      this.#next = new Seating({
        ...own,
        // Only an inexact run changes the micro-batch; then all shapes change with it.
        shapes: own.compiler.outputShapes(plan.microBatch),
        worker,
        plan,
        seat,
        neighbours: this.#neighbours,
        seed: own.setup.config.seed,
        cache: cacheSettings(own.setup),
        verifiesCache: own.setup.config.verifyCache,
        onCacheOff: (reason) => this.#host.report({ type: 'cache-off', reason }),
      });
    // Old and new seat exist side by side: the most shared memory of a transition.
    own.memory.noteShared();
    this.#transition.prepared();
    this.#host.report({ type: 'prepared', generation: plan.generation, movedBytes, stateMs });
  }

  /** Brings every block of the plan here; returns the bytes that moved. */
  async #fetchState(plan: Plan): Promise<number> {
    const { store, isHome } = this.#own;
    const transfer = present(this.#transfer, 'transfer of state');
    const { frozen, active } = blocksOf(plan, this.#host.worker);
    const { generation, restore } = plan;
    const remoteSourceOf = (block: number): string | null => {
      // Where state is restored, a source may be gone.
      const source = restore === null ? (plan.sources[block] ?? null) : null;
      return source === null || this.#neighbours.sharesMemory(source) ? null : source;
    };
    const fill = restore !== null && isHome ? this.#filler(restore) : null;
    const blocks = [...frozen, ...active];
    await this.#neighbours.connect([...new Set(blocks.flatMap((block) => remoteSourceOf(block) ?? []))]);
    let movedBytes = 0;
    for (const block of blocks) {
      const trains = active.includes(block);
      const remote = remoteSourceOf(block);
      if (fill !== null) movedBytes += store.restore(block, trains, fill);
      else if (restore !== null) movedBytes += await transfer.restore(generation, block, trains);
      else if (remote !== null) movedBytes += await transfer.hold(generation, block, remote, trains);
      else movedBytes += store.hold(block, plan.sources[block] ?? null, trains);
    }
    return movedBytes;
  }

  /** Second half: leaves the old seat, takes the new one. */
  async #activate(generation: number): Promise<void> {
    this.#transition.require(generation, 'activating');
    const plan = present(this.#plan, 'plan');
    const { frozen, active } = blocksOf(plan, this.#host.worker);
    this.#own.store.release(frozen, active);
    this.#former = this.#seating;
    this.#seating = this.#next;
    this.#next = null;
    await this.#seating?.activate();
    if (!this.#own.isHome) removeOldCaches(this.#own.folder, plan);
    this.#host.onSeat?.(plan);
    const { compiler, executor } = this.#own;
    const { ms, ...counts } = executor.takeCounts();
    this.#transition.active();
    this.#host.report({
      type: 'active',
      generation,
      programs: { ...counts, ms: ms + compiler.takeMs(), traced: compiler.traces.takeTraced() },
    });
  }

  #leaveFormer(): void {
    this.#former?.close();
    this.#former = null;
  }

  /** Runs steps until a commit says that it was the last. */
  async #train(generation: number, firstStep: number): Promise<void> {
    this.#planOf(generation);
    const seating = present(this.#seating, 'seat');
    for (let step = firstStep; ; step++) {
      const { ids } = this.#own.sampler.batchAt(step);
      seating.prefetch(this.#own.sampler.batchAt(step + 1).ids);
      this.#host.report(await seating.runStep(step, ids));
      const order = await this.#orders.next();
      if (order.type === 'stop' || order.type === 'abort') return this.#orders.putBack(order);
      if (order.type !== 'commit' || order.step !== step || order.generation !== generation)
        throw new WorkerError(
          'PT_PROTOCOL',
          `worker ${this.#host.worker} waits for the commit of step ${step} and got "${order.type}"`,
          'Report this.',
        );
      this.#move('commit');
      await seating.apply(order);
      if (order.snapshot !== null) this.#writeSnapshot(step, order.snapshot);
      if (!order.goesOn) return this.#host.report({ type: 'paused', generation, step });
    }
  }

  /** Keeps what one replica holds, each block once, where it outlives this process. */
  #writeSnapshot(step: number, version: number): void {
    if (seatOf(present(this.#plan, 'plan'), this.#host.worker)?.replica !== this.#keeper) return;
    let problem: string | null = null;
    try {
      if (this.#own.isHome) this.#own.store.writeSnapshot(version);
      else present(this.#transfer, 'transfer of state').keep(`snapshot ${version}`);
    } catch (error) {
      // The one before is whole, and reaches further back: that is all a full memory costs.
      if (!(error instanceof PipetrainError) || error.code !== 'PT_SHM_FULL') throw error;
      problem = error.message;
    }
    this.#host.report({ type: 'snapshot-written', step, version, problem });
  }

  #filler(restore: Restore): Parameters<BlockStore['restore']>[2] {
    const { store, model, layouts } = this.#own;
    if (restore.kind === 'snapshot') return store.readSnapshot(restore.version);
    return (block, weights, states) =>
      loadBlock(
        restore.folder,
        block,
        present(model.blocks[block], 'block'),
        present(layouts[block], 'layout'),
        weights,
        states,
      );
  }

  async #evaluate(generation: number, stride: number): Promise<void> {
    const plan = this.#planOf(generation);
    const { replica } = present(seatOf(plan, this.#host.worker), 'seat');
    const { sampler, dataset } = this.#own;
    const size = plan.microBatch;
    const batches = Array.from({ length: Math.ceil(dataset.numValidation / size) }, (_, index) => index)
      .filter((index) => index % stride === 0 && (index / stride) % plan.replicas.length === replica)
      .map((index) => ({ index, ids: sampler.validationBatch(index, size) }));
    this.#host.report({
      type: 'evaluated',
      generation,
      results: await present(this.#seating, 'seat').evaluate(batches),
    });
  }

  /** Without memory for a copy the checkpoint is written from here, and training waits for it. */
  #copyState(generation: number): void {
    this.#planOf(generation);
    let problem: string | null = null;
    try {
      if (this.#own.isHome) this.#own.store.copyState();
      else present(this.#transfer, 'transfer of state').keep(`copy ${generation}`);
    } catch (error) {
      if (!(error instanceof WorkerError) || error.code !== 'PT_SHM_FULL') throw error;
      problem = error.message;
    }
    this.#host.report({ type: 'state-copied', generation, problem });
  }

  get #own(): Equipment {
    return present(this.#equipment, 'setup of the worker');
  }

  #planOf(generation: number): Plan {
    this.#transition.require(generation, 'settled');
    return present(this.#plan, 'plan');
  }

  async #close(): Promise<void> {
    this.#equipment?.prewarmer.stop();
    this.#leaveFormer();
    this.#seating?.close();
    this.#equipment?.store.release([], []);
    await this.#neighbours.close();
    this.#equipment?.close();
  }
}

/**
 * Whether an error means that the work in hand is lost but this worker is not: a neighbour is gone, perhaps with the
 * memory that was to be copied from (PT_SHM_FILE), or the coordinator said so.
 */
function isAbandonable(error: unknown): error is PipetrainError {
  return (
    error instanceof PipetrainError &&
    ['PT_ABORTED', 'PT_PEER_LOST', 'PT_UNREACHABLE', 'PT_PEER_CLOSED', 'PT_SHM_FILE'].includes(error.code)
  );
}

function cacheSettings({ config, cacheFolder }: Equipment['setup']): CacheSettings {
  return {
    codec: config.cacheCodec,
    bytes: config.cacheMb * 2 ** 20,
    diskBytes: config.cacheDiskMb * 2 ** 20,
    diskFolder: cacheFolder,
    augmentation: augmentationId(config),
    isWanted: config.cache !== 'off',
  };
}
