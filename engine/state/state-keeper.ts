// StateKeeper: lets the workers put away the state of every block, once per block: snapshots for recoveries, copies for
// checkpoints. It chooses the replica they are taken from, and has what workers of other hosts hold brought to the
// coordinator's. When one is due and what becomes of it is not its business.
import type { BlockSource } from '../checkpoint/checkpoint.js';
import type { Message } from '../comm/frame.js';
import type { Peer } from '../comm/peer.js';
import { WRITE } from '../comm/remote-write.js';
import { isMemoryShortage } from '../core/conditions.js';
import { present } from '../core/invariant.js';
import type { Plan } from '../core/plan.js';
import type { Order, Report, ReportOf } from '../protocol/messages.js';
import type { PlanInForce } from '../protocol/plan-in-force.js';
import { blockSources } from './block-sources.js';
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

export class StateKeeper {
  readonly #options: StateKeeperOptions;
  readonly #depot: Depot;
  #keeper = 0;
  /** Why a snapshot that was wanted was not even ordered. */
  #problem: string | null = null;

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

  /** Lets the keeper write a snapshot between steps. Resolves to why it is not whole, or null. */
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
    return (
      this.#problem ??
      snapshotProblem(await this.#options.calls.collect(this.#writers, 'snapshot-written', this.#options.timeoutMs))
    );
  }

  /**
   * Where the state of every block lies now; between steps, and until the next one. Throws a WorkerError (PT_SHM_FULL)
   * where what lies elsewhere finds no room here.
   */
  async live(): Promise<BlockSource[]> {
    const remote = this.#remoteWriters;
    await this.#copy(remote);
    return blockSources(this.#current, this.#keeper, this.#options.folder, (worker) => remote.includes(worker));
  }

  /**
   * Lets the keeper copy the state of every block, between steps; where it then lies for as long as nobody copies
   * again. Null: no memory for it.
   */
  async copy(): Promise<BlockSource[] | null> {
    try {
      if (!(await this.#copy(this.#writers))) return null;
    } catch (error) {
      if (!isMemoryShortage(error)) throw error;
      return null;
    }
    return blockSources(this.#current, this.#keeper, this.#options.folder, () => true);
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

  /** Whether every one of `workers` has copied what it holds. */
  async #copy(workers: readonly string[]): Promise<boolean> {
    if (workers.length === 0) return true;
    const plan = this.#current;
    this.#depot.expectCopy(
      plan,
      workers.filter((worker) => !this.#options.isHome(worker)),
    );
    const copied = await this.#options.calls.ask(
      workers,
      { type: 'copy-state', generation: plan.generation },
      'state-copied',
      this.#options.timeoutMs,
    );
    return [...copied.values()].every(({ problem }) => problem === null);
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
