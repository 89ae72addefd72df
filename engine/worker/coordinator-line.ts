// CoordinatorLine: what a worker and its coordinator say to each other: orders, which wait here to be taken one at a
// time in the order of arrival, and reports. Both move the state of the worker, and none has a place that the table in
// worker-state.ts does not give it. What an order means is not its business.
import { WorkerError } from '../core/errors.js';
import type { Order, Report } from '../protocol/messages.js';
import { clippedReport } from '../protocol/report-text.js';
import { nextWorkerState, type WorkerCause, type WorkerState } from '../protocol/worker-state.js';
import { OrderQueue } from './order-queue.js';

export class CoordinatorLine {
  readonly worker: string;
  readonly #orders = new OrderQueue<Order>();
  readonly #send: (report: Report) => void;
  #state: WorkerState = 'joining';

  constructor(worker: string, send: (report: Report) => void) {
    this.worker = worker;
    this.#send = send;
  }

  /** An order has arrived. */
  push(order: Order): void {
    this.#orders.push(order);
  }

  /** No more orders come: whoever waits for one gets the error. */
  fail(error: Error): void {
    this.#orders.fail(error);
  }

  /** The next order, in its turn; it is not obeyed yet. */
  next(): Promise<Order> {
    return this.#orders.next();
  }

  /** Gives an order back, for whoever asks next. */
  putBack(order: Order): void {
    this.#orders.putBack(order);
  }

  /** The order is being obeyed. Throws a WorkerError (PT_PROTOCOL) where it has no place. */
  obeys(order: Order): void {
    this.#move(order.type);
  }

  /** Throws a WorkerError (PT_PROTOCOL) for a report that this worker must not make. */
  report(report: Report): void {
    this.#move(report.type);
    this.#send(clippedReport(report));
  }

  /**
   * Reports what a promise resolves to, if anything; whatever else becomes of it ends the work, as a failure to obey
   * does.
   */
  reportLater(report: Promise<Report | null>): void {
    report
      .then((made) => {
        if (made !== null) this.report(made);
      })
      .catch((error: unknown) => this.fail(error instanceof Error ? error : new Error(String(error))));
  }

  /** The error for an order that is due, but not here. */
  outOfPlace(order: Order): WorkerError {
    return new WorkerError(
      'PT_PROTOCOL',
      `worker ${this.worker} got the order "${order.type}" where none was due`,
      'Report this.',
    );
  }

  #move(cause: WorkerCause): void {
    this.#state = nextWorkerState(this.worker, this.#state, cause);
  }
}
