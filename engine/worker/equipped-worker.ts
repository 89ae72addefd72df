// EquippedWorker: a worker that knows the run and has all it needs for it. It carries out the orders of the coordinator
// at its workplace, and answers each; it decides nothing.
import { existsSync } from 'node:fs';
import { isMemoryFileError } from '../core/conditions.js';
import { messageOf } from '../core/errors.js';
import { present } from '../core/invariant.js';
import { memoryGone } from '../core/memory-gone.js';
import { type Plan, seatOf } from '../core/plan.js';
import type { Order } from '../protocol/messages.js';
import type { CoordinatorLine } from './coordinator-line.js';
import { measureComputeMs, measureOwnCosts, measureOwnHandovers } from './cost-measurement.js';
import type { Equipment } from './equipment.js';
import { StepLoop } from './step-loop.js';
import { validationShare } from './validation-share.js';
import type { WorkerHost, WorkerPhase } from './worker-phase.js';
import { Workplace } from './workplace.js';

type OrderOf<T extends Order['type']> = Extract<Order, { type: T }>;

export class EquippedWorker implements WorkerPhase {
  readonly #host: WorkerHost;
  readonly #line: CoordinatorLine;
  readonly #workplace: Workplace;
  readonly #steps: StepLoop;
  readonly #heartbeatSeconds: number;

  /** `heartbeatSeconds`: for so long a neighbour may be silent. */
  constructor(host: WorkerHost, line: CoordinatorLine, equipment: Equipment, heartbeatSeconds: number) {
    this.#host = host;
    this.#line = line;
    this.#heartbeatSeconds = heartbeatSeconds;
    this.#workplace = new Workplace({
      equipment,
      port: {
        ...host.port,
        home: host.home,
        onDropped: (peer, reason) => line.report({ type: 'dropped', peer, reason }),
      },
      onCacheOff: (reason) => line.report({ type: 'cache-off', reason }),
    });
    this.#steps = new StepLoop(line, this.#workplace);
  }

  /**
   * Opens the port and says that this worker is ready. `begin`: when it began to get ready, on the clock of
   * `performance`; `isOtherKind`: as in RunEquipment.
   */
  async announce(begin: number, microBatch: number, isOtherKind: boolean): Promise<void> {
    const { device, place } = this.#equipment;
    const port = await this.#workplace.neighbours.open();
    // Workers of one kind on the coordinator's host are as fast as those that measured: beside one that trains a
    // measurement says more about that.
    const isForeign = this.#host.own !== null && !place.isHome;
    this.#line.report({
      type: 'ready',
      device: device.executor.name,
      ...port,
      domain: place.domain,
      computeMs: isForeign || isOtherKind ? measureComputeMs(this.#equipment, microBatch) : null,
      startSeconds: (performance.now() - begin) / 1000,
    });
  }

  async obey(order: Order): Promise<WorkerPhase> {
    // A snapshot is what all wait for at the end of a transition; the rest can do without the old seat's memory.
    if (order.type !== 'snapshot') this.#workplace.leaveFormer();
    try {
      await this.#carryOut(order);
    } catch (error) {
      throw this.#isHomeless(error) ? memoryGone(this.#equipment.place.folder, messageOf(error), error) : error;
    }
    return this;
  }

  /** Whether the memory of this worker's own host was taken away, which nobody in the run can make anew. */
  #isHomeless(error: unknown): boolean {
    const { isHome, folder } = this.#equipment.place;
    return isMemoryFileError(error) && this.#host.own !== null && !isHome && !existsSync(folder);
  }

  get waitsFor(): string | null {
    return this.#workplace.neighbours.waitsFor || null;
  }

  beat(): void {
    this.#workplace.neighbours.beat(this.#heartbeatSeconds * 1000);
  }

  expect(plans: readonly Plan[]): void {
    for (const plan of plans) this.#workplace.requireFits(plan);
    this.#equipment.device.prewarmer.expect(plans, this.#line.worker);
  }

  interrupt(): void {
    this.#workplace.neighbours.abort();
  }

  abandon(): void {
    this.#workplace.abandon();
    this.#line.report({ type: 'aborted' });
  }

  close(): Promise<void> {
    return this.#workplace.close();
  }

  #carryOut(order: Order): Promise<void> | void {
    switch (order.type) {
      case 'measure-costs':
        return this.#measure(order);
      case 'prepare':
        return this.#prepare(order);
      case 'activate':
        return this.#activate(order.generation);
      case 'start':
        return this.#steps.run(order.generation, order.step);
      case 'evaluate':
        return this.#evaluate(order.generation, order.stride);
      case 'copy-state':
        return this.#copyState(order.generation);
      case 'snapshot':
        return this.#snapshot(order);
      case 'abort':
        return this.abandon();
      case 'setup':
      case 'commit':
      case 'stop':
      case 'ping':
      case 'prewarm':
        throw this.#line.outOfPlace(order);
    }
  }

  async #measure({ microBatch, workers, colleagues }: OrderOf<'measure-costs'>): Promise<void> {
    const costs = measureOwnCosts(this.#equipment, microBatch, workers.length);
    const { neighbours } = this.#workplace;
    const handover = await measureOwnHandovers(neighbours, this.#line.worker, workers, colleagues);
    this.#line.report({ type: 'costs', ...costs, handover });
  }

  async #prepare(order: OrderOf<'prepare'>): Promise<void> {
    const moved = await this.#workplace.prepare(order);
    this.#line.report({ type: 'prepared', generation: order.plan.generation, ...moved });
  }

  async #activate(generation: number): Promise<void> {
    const programs = await this.#workplace.activate(generation);
    this.#host.onSeat?.(this.#workplace.at(generation).plan);
    this.#line.report({ type: 'active', generation, programs });
  }

  async #evaluate(generation: number, stride: number): Promise<void> {
    const { plan, seating } = this.#workplace.at(generation);
    const { replica } = present(seatOf(plan, this.#line.worker), 'seat');
    const batches = validationShare(this.#equipment.subject.sampler, plan, replica, stride);
    const results = await present(seating, 'seat').evaluate(batches);
    this.#line.report({ type: 'evaluated', generation, results });
  }

  /** The steps that follow do not wait for the copy. */
  #copyState(generation: number): void {
    this.#line.reportLater(this.#workplace.copyState(generation));
  }

  #snapshot({ generation, step, version }: OrderOf<'snapshot'>): void {
    this.#line.reportLater(this.#workplace.writeSnapshot(generation, step, version));
    this.#workplace.leaveFormer();
  }

  get #equipment(): Equipment {
    return this.#workplace.equipment;
  }
}
