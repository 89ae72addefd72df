// Workplace: a worker's equipment, its neighbours, and the plan in force: all that it takes to hold the seats of one
// plan after another. It takes no orders and sends no reports: a worker lets those of its coordinator reach it;
// benchmarks and tests hold seats in their own process by it.
import { present } from '../core/invariant.js';
import { blocksOf, type Plan, seatOf } from '../core/plan.js';
import { removeOldCaches } from '../memory/old-caches.js';
import { sharingBlocks } from '../model/shared-parameters.js';
import type { Colleague, Order, ReportOf } from '../protocol/messages.js';
import { requirePlanFits } from '../protocol/plan-fit.js';
import { StateTransfer } from '../state/state-transfer.js';
import type { Equipment } from './equipment.js';
import { Neighbours, type NeighboursOptions } from './neighbours.js';
import { ObeyedPlan } from './obeyed-plan.js';
import { PlanBlocks } from './plan-blocks.js';
import { isKeeper, type Posting } from './posting.js';
import { PreparedSeating } from './prepared-seating.js';
import { StateCopies } from './state-copies.js';

export interface WorkplaceOptions {
  /** Closed with the workplace. */
  readonly equipment: Equipment;
  readonly port: Omit<NeighboursOptions, 'worker' | 'folder'>;
  /** Told why training goes on without a cache that a plan uses. */
  readonly onCacheOff: (reason: string) => void;
}

/** A plan to be held next. */
export interface NextPlan {
  readonly plan: Plan;
  /** The replica that snapshots and checkpoints are taken from. */
  readonly keeper: number;
  readonly colleagues: Readonly<Record<string, Colleague>>;
}

export class Workplace {
  readonly equipment: Equipment;
  readonly neighbours: Neighbours;
  readonly #plans: ObeyedPlan;
  readonly #blocks: PlanBlocks;
  readonly #copies: StateCopies;
  readonly #onCacheOff: (reason: string) => void;

  constructor({ equipment, port, onCacheOff }: WorkplaceOptions) {
    const { subject, place } = equipment;
    this.equipment = equipment;
    const neighbours = (this.neighbours = new Neighbours({ ...port, worker: place.worker, folder: place.folder }));
    const transfer = new StateTransfer(neighbours, place.store);
    neighbours.onRequest((message, peer) => transfer.serve(message, peer));
    this.#plans = new ObeyedPlan(`worker ${place.worker}`);
    this.#blocks = new PlanBlocks({ subject, place, neighbours, transfer });
    this.#copies = new StateCopies(place, transfer);
    this.#onCacheOff = onCacheOff;
  }

  /**
   * First half of a transition: fetches state, compiles, makes the memory that others will map. The seat of the plan in
   * force stays whole: others may still copy from this worker's memory. Returns the bytes that moved, and how long that
   * took. Throws a WorkerError (PT_STALE_PLAN, PT_PROTOCOL), and what bringing state and compiling throw.
   */
  async prepare({ plan, keeper, colleagues }: NextPlan): Promise<{ movedBytes: number; stateMs: number }> {
    this.requireFits(plan);
    this.#plans.begin(plan.generation);
    // What is still copied for the plan before must neither be restored over nor go away.
    await this.#copies.settled();
    const { subject, device, place, cache } = this.equipment;
    const { neighbours } = this;
    // What is not ready by now is needed now, or not at all.
    device.prewarmer.stop();
    device.executor.takeCounts();
    device.compiler.takeMs();
    const begin = performance.now();
    neighbours.meet(colleagues);
    neighbours.enter(plan.generation);
    const movedBytes = await this.#blocks.bring(plan);
    const stateMs = performance.now() - begin;
    const seat = seatOf(plan, place.worker);
    const seating =
      seat === null
        ? null
        : new PreparedSeating({
            plan,
            seat,
            subject,
            device,
            place,
            neighbours,
            // Only an inexact run changes the micro-batch; then all shapes change with it.
            shapes: device.compiler.outputShapes(plan.microBatch),
            cache: { ...cache, onOff: this.#onCacheOff },
          });
    this.#plans.prepared({ plan, keeper, seating });
    // Old and new seat exist side by side: the most shared memory of a transition.
    place.memory.noteShared();
    return { movedBytes, stateMs };
  }

  /** Throws a WorkerError (PT_PROTOCOL) for a plan that is not one of what this worker has loaded. */
  requireFits(plan: Plan): void {
    const { layouts, sampler, model } = this.equipment.subject;
    const lengths = layouts.map(({ length }) => length);
    const shared = sharingBlocks(model.blocks);
    requirePlanFits(plan, { numBlocks: layouts.length, batch: sampler.batch, lengths, shared });
  }

  /**
   * Second half: gives back what the plan does not need, connects to the neighbours, takes the seat. Returns what the
   * programs of the plan cost. Throws a WorkerError (PT_STALE_PLAN, PT_PROTOCOL, and those of a neighbour that is
   * gone).
   */
  async activate(generation: number): Promise<ReportOf<'active'>['programs']> {
    const { plan, seating } = this.#plans.toActivate(generation);
    const { place, device } = this.equipment;
    const { frozen, active, updated } = blocksOf(plan, place.worker);
    place.store.release([...frozen, ...active], updated);
    this.#blocks.complete();
    const taken = seating === null ? null : await seating.activate();
    if (!place.isHome) removeOldCaches(place.folder, plan);
    this.#plans.activated(taken);
    const { ms, ...counts } = device.executor.takeCounts();
    const { compiler } = device;
    return { ...counts, ms: ms + compiler.takeMs(), traced: compiler.traces.takeTraced() };
  }

  /** The plan in force. Throws a WorkerError (PT_STALE_PLAN, PT_PROTOCOL) where it is not of that generation. */
  at(generation: number): Posting {
    return this.#plans.at(generation);
  }

  /** Puts what the plan before needed away. */
  leaveFormer(): void {
    this.#plans.leaveFormer();
  }

  /** Gives up the plan in force, or the change to the next; the plan after it restores state. */
  abandon(): void {
    this.#plans.abandon();
    this.#copies.abandon();
    this.neighbours.reset();
  }

  /**
   * Begins to keep what one replica holds, each block once, where it outlives this process. Resolves, when that is
   * done, to what there is to report of it: nothing where another replica keeps it, or the plan was given up meanwhile.
   * Throws as `at`.
   */
  writeSnapshot(generation: number, step: number, version: number): Promise<ReportOf<'snapshot-written'> | null> {
    if (!isKeeper(this.at(generation), this.equipment.place.worker)) return Promise.resolve(null);
    return this.#copies
      .writeSnapshot(version)
      .then((end) => end && { type: 'snapshot-written', step, version, problem: end.problem });
  }

  /** As `writeSnapshot`, for a copy of what this worker holds. */
  copyState(generation: number): Promise<ReportOf<'state-copied'> | null> {
    this.at(generation);
    return this.#copies.copy(generation).then((end) => end && { type: 'state-copied', generation, ...end });
  }

  /**
   * Applies the update of a step that the coordinator has committed, once nothing is copied of the state before it.
   * What lies on a device is in the block store afterwards where the commit asks for a snapshot or is the last one.
   */
  async apply(commit: Extract<Order, { type: 'commit' }>): Promise<void> {
    const seating = present(this.at(commit.generation).seating, 'seat');
    if (!seating.isResident) await this.#copies.settled();
    await seating.apply(commit);
    if (!seating.isResident || (commit.goesOn && commit.snapshot === null)) return;
    await this.#copies.settled();
    seating.bringHome();
  }

  async close(): Promise<void> {
    const { device, place } = this.equipment;
    device.prewarmer.stop();
    this.#copies.abandon();
    await this.#copies.settled();
    this.#plans.close();
    place.store.release([], []);
    await this.neighbours.close();
    this.equipment.close();
  }
}
