// RollCall: asks workers for a report and waits until all have answered, one of them fails, or the time is over. It
// tells those that hang from those that wait for them; what follows from a failure is the coordinator's business.
import { WorkerError } from '../core/errors.js';
import { present } from '../core/invariant.js';
import type { Order, Report, ReportOf } from '../protocol/messages.js';
import { LostWorker } from './lost-worker.js';
import type { WorkerLink } from './worker-link.js';

/** Part of the time-out after which a silent worker is asked whether it is there; it has the rest to answer. */
const PATIENCE = 0.75;

export interface RollCallOptions {
  readonly linkOf: (worker: string) => WorkerLink | undefined;
  /** Calls back at the first failure that ends all waiting, until it is called off. */
  readonly onTrouble: (end: (error: Error) => void) => () => void;
  /** Called for every worker that neither does what it was asked for nor answers. */
  readonly onSilent: (error: LostWorker) => void;
}

/** What workers are told: all the same, or each something else. */
export type OrderFor = Order | ((worker: string) => Order);

export class RollCall {
  readonly #options: RollCallOptions;

  constructor(options: RollCallOptions) {
    this.#options = options;
  }

  tell(workers: readonly string[], order: OrderFor): void {
    for (const worker of workers) this.#link(worker).order(typeof order === 'function' ? order(worker) : order);
  }

  async ask<T extends Report['type']>(
    workers: readonly string[],
    order: OrderFor,
    answer: T,
    timeoutMs: number,
  ): Promise<Map<string, ReportOf<T>>> {
    this.tell(workers, order);
    return this.collect(workers, answer, timeoutMs);
  }

  async collect<T extends Report['type']>(
    workers: readonly string[],
    type: T,
    timeoutMs: number,
  ): Promise<Map<string, ReportOf<T>>> {
    const silent = new Set(workers);
    const all = Promise.all(
      workers.map(async (worker) => {
        const report = await this.#link(worker).next(type);
        silent.delete(worker);
        return [worker, report] as const;
      }),
    );
    return new Map(await this.within(timeoutMs, `report "${type}"`, all, silent));
  }

  /** The value, unless a worker fails or the time is over before. Nothing is kept of a wait that is over. */
  within<T>(timeoutMs: number, what: string, value: Promise<T>, silent: ReadonlySet<string> = new Set()): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      const leave = (): void => {
        clearTimeout(timer);
        callOff();
      };
      const fail = (error: unknown): void => {
        leave();
        reject(error instanceof Error ? error : new Error(String(error)));
      };
      const timer = setTimeout(() => this.#findSilent(silent, what, timeoutMs, fail), timeoutMs * PATIENCE);
      // Trouble that is there already calls back at once.
      let callOff = (): void => undefined;
      callOff = this.#options.onTrouble(fail);
      value.then((got) => {
        leave();
        resolve(got);
      }, fail);
    });
  }

  #link(worker: string): WorkerLink {
    return present(this.#options.linkOf(worker), `worker ${worker}`);
  }

  /** Tells workers that hang from those that wait for them: the latter answer. */
  #findSilent(silent: ReadonlySet<string>, what: string, timeoutMs: number, fail: (error: WorkerError) => void): void {
    const asked = [...silent].filter((worker) => this.#options.linkOf(worker) !== undefined);
    const missing = new Set(asked);
    const waits = new Map<string, string | null>();
    for (const worker of asked) {
      this.#link(worker).onPong((waitsFor) => {
        missing.delete(worker);
        waits.set(worker, waitsFor);
      });
      this.#link(worker).order({ type: 'ping' });
    }
    setTimeout(
      () => {
        const isThere = (worker: string): boolean => this.#options.linkOf(worker) !== undefined;
        if (missing.size === 0 && asked.length > 0) {
          const idle = idlers(waits, (worker) => this.#options.linkOf(worker)?.isOwn !== false);
          for (const worker of idle.filter(isThere)) this.#options.onSilent(idleWorker(worker, what, timeoutMs));
          fail(
            new WorkerError(
              'PT_WORKER_SILENT',
              `worker ${asked.join(', ')} did not ${what} within ${timeoutMs / 1000} s, though alive`,
              'Raise --step-timeout-seconds where steps are that long; otherwise report this.',
            ),
          );
          return;
        }
        for (const worker of missing)
          this.#options.onSilent(
            new LostWorker(
              worker,
              `worker ${worker} did not ${what} within ${timeoutMs / 1000} s and does not answer`,
              'Raise --step-timeout-seconds where steps are that long; otherwise see what stops the process.',
            ),
          );
        fail(
          new WorkerError(
            'PT_WORKER_SILENT',
            `a worker did not ${what} within ${timeoutMs / 1000} s`,
            'Raise --step-timeout-seconds.',
          ),
        );
      },
      timeoutMs * (1 - PATIENCE),
    ).unref();
  }
}

/** A worker that answers, and does not do what it was asked for. */
const idleWorker = (worker: string, what: string, timeoutMs: number): LostWorker =>
  new LostWorker(
    worker,
    `worker ${worker} did not ${what} within ${timeoutMs / 1000} s, though it answers and waits for nobody else`,
    'Raise --step-timeout-seconds where steps are that long on its host; otherwise see what that process does.',
    true,
  );

/**
 * Which of the workers that answer, but did not do what they were asked for, to go on without. `waits` has for each the
 * one that it says it waits for, or null. None of the run's own: without them there may be no run. Of the others those
 * that wait for nobody, or for one that has done its part; where all wait in a circle, those that an own one waits for.
 */
export function idlers(waits: ReadonlyMap<string, string | null>, isOwn: (worker: string) => boolean): string[] {
  const isIdle = (worker: string): boolean => !waits.has(waits.get(worker) ?? '');
  const all = [...waits.keys()];
  const idle = all.filter(isIdle);
  if (idle.length > 0) return idle.filter((worker) => !isOwn(worker));
  const accused = new Set(all.filter(isOwn).flatMap((worker) => waits.get(worker) ?? []));
  const guests = all.filter((worker) => !isOwn(worker));
  const waitedFor = guests.filter((worker) => accused.has(worker));
  return waitedFor.length > 0 ? waitedFor : guests;
}
