// StateKeeper: lets the workers put away the state of every block, once per block: snapshots for recoveries, copies for
// checkpoints. It chooses the replica they are taken from, and has what workers of other hosts hold brought to the
// coordinator's. When one is due and what becomes of it is not its business.
import type { BlockSource } from '../checkpoint/checkpoint.js';
import type { Message } from '../comm/frame.js';
import type { Peer } from '../comm/peer.js';
import { WRITE } from '../comm/remote-write.js';
import { isMemoryShortage } from '../core/conditions.js';
import { WorkerError } from '../core/errors.js';
import { present } from '../core/invariant.js';
import type { Plan } from '../core/plan.js';
import type { Order, Report, ReportOf } from '../protocol/messages.js';
import type { PlanInForce } from '../protocol/plan-in-force.js';
import { requireRoom } from '../tensor/memory-room.js';
import { blockSources } from './block-sources.js';
import { bytesToMake } from './copy-room.js';
import { Depot, type ModelState } from './depot.js';
import { snapshotProblem } from './snapshots.js';

/** How workers are told something, and asked for what they report. */
export interface Calls {
  tell(workers: readonly string[], order: Order): void;
  ask<T extends Report['type']>(
    workers: readonly string[],
    order: Order,
    answer: T,
    timeoutMs: number,
  ): Promise<Map<string, ReportOf<T>>>;
  collect<T extends Report['type']>(
    workers: readonly string[],
    type: T,
    timeoutMs: number,
  ): Promise<Map<string, ReportOf<T>>>;
}

export interface StateKeeperOptions {
  /** The run's folder in shared memory. */
  readonly folder: string;
  readonly model: () => ModelState;
  readonly plans: PlanInForce;
  readonly calls: Calls;
  readonly timeoutMs: number;
  /** Whether a worker keeps its tensors in that folder. */
  readonly isHome: (worker: string) => boolean;
}

/** A copy of the state of every block on its way to where it is then written from. */
export interface StateCopy {
  /** Where every block lies once the copy is whole, for as long as nobody copies again. */
  readonly sources: readonly BlockSource[];
  /**
   * Resolves when it is whole, to for how long an update waited for it, milliseconds. Rejects with a WorkerError where
   * it cannot become so: there was no memory after all (PT_SHM_FULL, PT_SHM_FILE), or a worker is lost.
   */
  readonly whole: Promise<number>;
}

export class StateKeeper {
  readonly #options: StateKeeperOptions;
  readonly #depot: Depot;
  #keeper = 0;
  /** Why a snapshot that was wanted was not even ordered. */
  #problem: string | null = null;
  /** Settles when the last snapshot and the last copy are whole or given up. */
  #underWay: Promise<unknown> = Promise.resolve();

  constructor(options: StateKeeperOptions) {
    this.#options = options;
    this.#depot = new Depot(options.folder, options.model);
  }

  /**
   * A plan is about to be adopted: chooses the replica that state is taken from, the one of which the most is here
   * already.
   */
  chooseKeeper(plan: Plan): number {
    const numRemote = plan.replicas.map(
      (_, replica) => this.#workersOf(plan, replica).filter((worker) => !this.#options.isHome(worker)).length,
    );
    return (this.#keeper = numRemote.indexOf(Math.min(...numRemote)));
  }

  /**
   * Lets the keeper begin a snapshot between steps; the steps after it may follow at once. Resolves to why it is not
   * whole, or null.
   */
  async snapshot(step: number, version: number): Promise<string | null> {
    if (this.expectSnapshot(version) === null) return this.snapshotWritten();
    this.#options.calls.tell(this.#writers, { type: 'snapshot', generation: this.#current.generation, step, version });
    return this.snapshotWritten();
  }

  /** To be called before a commit that asks for a snapshot: the version that may be asked for, or null. */
  expectSnapshot(version: number | null): number | null {
    this.#problem = null;
    if (version === null) return null;
    try {
      this.#depot.expectSnapshot(this.#current, this.#remoteWriters, version);
      return version;
    } catch (error) {
      if (!isMemoryShortage(error)) throw error;
      this.#problem = error.message;
      return null;
    }
  }

  /** Waits for the snapshot that was asked for; as `snapshot`. */
  async snapshotWritten(): Promise<string | null> {
    if (this.#problem !== null) return this.#problem;
    const { calls, timeoutMs } = this.#options;
    return snapshotProblem(await this.#follow(calls.collect(this.#writers, 'snapshot-written', timeoutMs)));
  }

  /** Resolves when no snapshot and no copy is on its way any more, whatever became of it: another plan may follow. */
  async settled(): Promise<void> {
    await this.#underWay;
  }

  /**
   * Where the state of every block lies now; between steps, and until the next one. Throws a WorkerError (PT_SHM_FULL)
   * where what lies elsewhere finds no room here.
   */
  async live(): Promise<BlockSource[]> {
    const remote = this.#remoteWriters;
    if (remote.length > 0) await this.#copied(this.#orderCopy(remote));
    return blockSources(this.#current, this.#keeper, this.#options.folder, (worker) => remote.includes(worker));
  }

  /**
   * Lets the keeper begin to copy the state of every block, between steps; the steps after it may follow at once. Null:
   * no memory for it.
   */
  copy(): StateCopy | null {
    const { folder, model } = this.#options;
    const sources = blockSources(this.#current, this.#keeper, folder, () => true);
    try {
      requireRoom(folder, bytesToMake(sources, model()));
      const whole = this.#copied(this.#orderCopy(this.#writers));
      // Whoever waits for it may not have begun to.
      whole.catch(() => undefined);
      return { sources, whole };
    } catch (error) {
      if (!isMemoryShortage(error)) throw error;
      return null;
    }
  }

  /**
   * Takes what a worker of another host brings, or gives it what it asks for. Throws a FrameError where it has no
   * business here.
   */
  take(message: Message, worker: string, peer: Peer): void {
    if (message.type === WRITE) this.#depot.accept(worker, message);
    else this.#depot.serve(this.#options.plans.newest, message, peer);
  }

  /** The folder was taken away: what lay there for workers of other hosts is nowhere to be found. */
  forget(): void {
    this.#depot.close();
  }

  close(): void {
    this.#depot.close();
  }

  /** Orders a copy. Throws a WorkerError (PT_SHM_FULL) where what comes from other hosts finds no room here. */
  #orderCopy(workers: readonly string[]): Promise<Map<string, ReportOf<'state-copied'>>> {
    const { calls, isHome, timeoutMs } = this.#options;
    const plan = this.#current;
    this.#depot.expectCopy(
      plan,
      workers.filter((worker) => !isHome(worker)),
    );
    const order = { type: 'copy-state', generation: plan.generation } as const;
    return this.#follow(calls.ask(workers, order, 'state-copied', timeoutMs));
  }

  async #copied(ordered: Promise<Map<string, ReportOf<'state-copied'>>>): Promise<number> {
    const copied = [...(await ordered).values()];
    const problem = copied.find((one) => one.problem !== null)?.problem ?? null;
    if (problem !== null)
      throw new WorkerError(
        'PT_SHM_FULL',
        `the state could not be copied: ${problem}`,
        'Free or enlarge shared memory; the next checkpoint is tried when it is due.',
      );
    return Math.max(0, ...copied.map(({ waitedMs }) => waitedMs));
  }

  #follow<T>(work: Promise<T>): Promise<T> {
    this.#underWay = Promise.allSettled([this.#underWay, work]);
    return work;
  }

  get #current(): Plan {
    return this.#options.plans.current;
  }

  get #writers(): string[] {
    return this.#workersOf(this.#current, this.#keeper);
  }

  get #remoteWriters(): string[] {
    return this.#writers.filter((worker) => !this.#options.isHome(worker));
  }

  #workersOf({ replicas }: Plan, replica: number): string[] {
    return [...new Set(present(replicas[replica], `replica ${replica}`).stages.map(({ worker }) => worker))];
  }
}
