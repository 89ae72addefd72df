// JoiningWorker: a worker that knows nothing of the run yet. It takes one order, the setup, and is an equipped worker
// after it.
import type { Order } from '../protocol/messages.js';
import type { CoordinatorLine } from './coordinator-line.js';
import { EquippedWorker } from './equipped-worker.js';
import { equip } from './run-equipment.js';
import type { WorkerHost, WorkerPhase } from './worker-phase.js';

export class JoiningWorker implements WorkerPhase {
  readonly #host: WorkerHost;
  readonly #line: CoordinatorLine;

  constructor(host: WorkerHost, line: CoordinatorLine) {
    this.#host = host;
    this.#line = line;
  }

  readonly waitsFor = null;

  async obey(order: Order): Promise<WorkerPhase> {
    if (order.type !== 'setup') throw this.#line.outOfPlace(order);
    const begin = performance.now();
    const { equipment, heartbeatSeconds, isOtherKind } = await equip(order, this.#host);
    const equipped = new EquippedWorker(this.#host, this.#line, equipment, heartbeatSeconds);
    try {
      await equipped.announce(begin, order.microBatch, isOtherKind);
    } catch (error) {
      await equipped.close();
      throw error;
    }
    return equipped;
  }

  /** It has no neighbours yet. */
  beat(): void {}

  /** It cannot compile yet; the coordinator tells it again. */
  expect(): void {}

  /** It waits for nobody. */
  interrupt(): void {}

  /** There is no plan to give up, so the line refuses the report, as it refuses the order to. */
  abandon(): void {
    this.#line.report({ type: 'aborted' });
  }

  /** It has nothing to give back. */
  async close(): Promise<void> {}
}
