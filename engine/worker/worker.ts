// Worker: a process that owns one device and obeys one plan at a time: it takes the orders of the coordinator one by
// one, and has each carried out by the phase it is in. What fails with a neighbour it gives up, and waits to be told
// so; anything else ends it. It computes nothing itself, and decides nothing.
import { isWorkLost } from '../core/conditions.js';
import { InterruptedError, toErrorRecord } from '../core/errors.js';
import type { Plan } from '../core/plan.js';
import type { Order } from '../protocol/messages.js';
import { CoordinatorLine } from './coordinator-line.js';
import { JoiningWorker } from './joining-worker.js';
import { isAbort, lostNeighbour } from './lost-work.js';
import type { WorkerHost, WorkerPhase } from './worker-phase.js';

export class Worker {
  readonly #line: CoordinatorLine;
  #phase: WorkerPhase;

  constructor(host: WorkerHost) {
    this.#line = new CoordinatorLine(host.worker, (report) => host.report(report));
    this.#phase = new JoiningWorker(host, this.#line);
  }

  /**
   * Takes an order of the coordinator. An abort reaches whatever waits for a neighbour at once; the rest comes in turn.
   */
  order(order: Order): void {
    if (order.type === 'ping') {
      // The coordinator asks four times in the time that a silence may last.
      this.#phase.beat();
      return this.#line.report({ type: 'pong', waitsFor: this.#phase.waitsFor });
    }
    if (order.type === 'prewarm') return this.#expect(order.plans);
    if (order.type === 'abort') this.#phase.interrupt();
    this.#line.push(order);
  }

  /** A plan that fits nothing here is none to prepare for; it ends this worker as a plan to obey would. */
  #expect(plans: readonly Plan[]): void {
    try {
      this.#phase.expect(plans);
    } catch (error) {
      this.#line.fail(error instanceof Error ? error : new Error(String(error)));
    }
  }

  /** Asks the coordinator to let this worker go; it works on until that says stop. */
  leave(): void {
    this.#line.report({ type: 'leaving' });
  }

  /** Ends the worker: the coordinator is gone. */
  disconnect(): void {
    this.#phase.interrupt();
    this.#line.fail(new InterruptedError('the coordinator is gone', 'Look at the coordinator.'));
  }

  /** Obeys until told to stop. Reports its own failure before it rejects. */
  async run(): Promise<void> {
    try {
      await this.#obeyAll();
    } catch (error) {
      this.#line.report({ type: 'failed', error: toErrorRecord(error) });
      throw error;
    } finally {
      await this.#phase.close();
    }
  }

  async #obeyAll(): Promise<void> {
    for (;;) {
      const order = await this.#line.next();
      this.#line.obeys(order);
      if (order.type === 'stop') return;
      try {
        this.#phase = await this.#phase.obey(order);
      } catch (error) {
        if (!isWorkLost(error)) throw error;
        if (!isAbort(error)) this.#line.report({ type: 'stuck', message: error.message, about: lostNeighbour(error) });
        await this.#skipToAbort();
      }
    }
  }

  /** Drops the orders of the work that is given up, and everything that belongs to its plan. */
  async #skipToAbort(): Promise<void> {
    for (;;) {
      const order = await this.#line.next();
      if (order.type === 'stop') return this.#line.putBack(order);
      if (order.type !== 'abort') continue;
      this.#line.obeys(order);
      return this.#phase.abandon();
    }
  }
}
