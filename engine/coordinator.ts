// Coordinator: membership, barriers and orders. It makes all workers adopt a plan, drives their steps, and collects what they report. It holds no
// tensor and takes no decision about training: the trainer does.
import { randomBytes } from 'node:crypto';
import { listen, type Listener } from './comm/listen.js';
import type { TrainConfig } from './config.js';
import { WorkerError } from './core/errors.js';
import { present } from './core/invariant.js';
import { MemoryFolder } from './memory-folder.js';
import type { Order, Report, ReportOf } from './messages.js';
import { seatOf, type Plan } from './plan.js';
import { WorkerProcess } from './worker-process.js';

/** A worker has this long to start, load the data and compile. */
const START_TIMEOUT_MS = 120_000;

export interface CoordinatorOptions {
  readonly config: TrainConfig;
  readonly workers: readonly string[];
  readonly microBatch: number;
  readonly onReport: (report: Report, worker: string) => void;
}

export interface Member {
  readonly worker: string;
  readonly pid: number;
  readonly device: string;
}

export class Coordinator {
  readonly #options: CoordinatorOptions;
  readonly #token = randomBytes(24).toString('base64url');
  readonly #memory = new MemoryFolder();
  readonly #workers = new Map<string, WorkerProcess>();
  readonly #addresses: Record<string, string> = {};
  readonly #failed: Promise<never>;
  #reportFailure: (error: Error) => void = () => undefined;
  #listener: Listener | null = null;
  #plan: Plan | null = null;

  constructor(options: CoordinatorOptions) {
    this.#options = options;
    this.#failed = new Promise((_, reject) => {
      this.#reportFailure = reject;
    });
    // The failure is awaited together with whatever is being waited for; alone it must not count as unhandled.
    this.#failed.catch(() => undefined);
  }

  get memoryFolder(): MemoryFolder {
    return this.#memory;
  }

  /** Starts the workers and waits until each has loaded the model and the data. */
  async launch(): Promise<Member[]> {
    const arrived = new Map<string, () => void>();
    const arrivals = this.#options.workers.map((worker) => new Promise<void>((resolve) => arrived.set(worker, resolve)));
    this.#listener = await listen({
      port: this.#options.config.port,
      token: this.#token,
      name: 'coordinator',
      onPeer: (peer) => {
        const worker = this.#workers.get(peer.name);
        if (worker === undefined) throw new WorkerError('PT_UNKNOWN_WORKER', `no worker "${peer.name}" was invited`, 'Start workers through the command.');
        worker.connect(peer);
        arrived.get(peer.name)?.();
      },
    });
    for (const worker of this.#options.workers)
      this.#workers.set(
        worker,
        new WorkerProcess({ url: this.#listener.url, token: this.#token, worker }, { onFailure: (error) => this.#reportFailure(error), onReport: this.#options.onReport }),
      );
    await this.#within(START_TIMEOUT_MS, 'start', Promise.all(arrivals));
    const { config, microBatch } = this.#options;
    const ready = await this.#ask(this.#options.workers, { type: 'setup', config, memoryFolder: this.#memory.path, microBatch }, 'ready', START_TIMEOUT_MS);
    for (const [worker, report] of ready) this.#addresses[worker] = report.address;
    return [...ready].map(([worker, { device }]) => ({ worker, pid: this.#worker(worker).pid, device }));
  }

  /** Lets one worker measure what every block costs on its device. */
  async measureCosts(): Promise<ReportOf<'costs'>> {
    const first = present(this.#options.workers[0], 'worker');
    return present((await this.#ask([first], { type: 'measure-costs' }, 'costs', START_TIMEOUT_MS)).get(first), 'costs');
  }

  /** Makes every worker adopt a plan; to be called between steps only. Resolves to the bytes of state that moved between workers. */
  async adopt(plan: Plan): Promise<{ readonly movedBytes: number }> {
    const prepared = await this.#ask(this.#options.workers, { type: 'prepare', plan, addresses: this.#addresses }, 'prepared', START_TIMEOUT_MS);
    await this.#ask(this.#options.workers, { type: 'activate', generation: plan.generation }, 'active');
    this.#plan = plan;
    return { movedBytes: [...prepared.values()].reduce((sum, { movedBytes }) => sum + movedBytes, 0) };
  }

  /** Starts a run of steps at `step`; every commit tells the workers whether the next one follows. */
  start(step: number): void {
    this.#tell({ type: 'start', generation: this.#current.generation, step });
  }

  /** What the seated workers report of the step that runs now. */
  async stepReports(): Promise<Map<string, ReportOf<'step-ready'>>> {
    return this.#collect(this.#seated, 'step-ready', this.#options.config.stepTimeoutSeconds * 1000);
  }

  /**
   * Lets every seated worker apply the update of the step. Where no step follows at once, waits until all have applied it: only then may
   * anybody copy anybody's state.
   */
  async commit(step: number, update: { readonly learningRate: number; readonly gradientScale: number; readonly updateCount: number }, goesOn: boolean): Promise<void> {
    this.#tell({ type: 'commit', generation: this.#current.generation, step, ...update, goesOn });
    if (!goesOn) await this.#collect(this.#seated, 'paused', this.#options.config.stepTimeoutSeconds * 1000);
  }

  /** Sums over the validation samples, micro-batch by micro-batch in order. */
  async evaluate(): Promise<ReportOf<'evaluated'>['results']> {
    const reports = await this.#ask(this.#seated, { type: 'evaluate', generation: this.#current.generation }, 'evaluated', this.#options.config.stepTimeoutSeconds * 10_000);
    return [...reports.values()].flatMap(({ results }) => results).sort((a, b) => a.index - b.index);
  }

  /** Lets the workers of replica 0 write their blocks, each block once, into `folder`. */
  async save(folder: string): Promise<ReportOf<'saved'>['files']> {
    const plan = this.#current;
    const owners = present(plan.replicas[0], 'replica 0').stages.map(({ worker, from, to }, stage) => ({
      worker,
      blocks: Array.from({ length: to }, (_, block) => block).filter((block) => block >= from || (stage === 0 && block < plan.frozen)),
    }));
    const saved = await Promise.all(owners.map(({ worker, blocks }) => this.#ask([worker], { type: 'save', folder, blocks }, 'saved', START_TIMEOUT_MS)));
    return saved.flatMap((reports) => [...reports.values()].flatMap(({ files }) => files)).sort((a, b) => a.block - b.block);
  }

  /** Stops every worker and removes the shared memory. Never throws; safe after a failure. */
  async close(): Promise<void> {
    await Promise.all([...this.#workers.values()].map((worker) => worker.stop()));
    await this.#listener?.close();
    this.#memory.close();
  }

  /** Kills every worker and removes the shared memory at once, for a process that is about to exit. */
  abort(): void {
    for (const worker of this.#workers.values()) worker.kill();
    this.#memory.close();
  }

  get #current(): Plan {
    return present(this.#plan, 'plan');
  }

  get #seated(): string[] {
    return this.#options.workers.filter((worker) => seatOf(this.#current, worker) !== null);
  }

  #worker(id: string): WorkerProcess {
    return present(this.#workers.get(id), `worker ${id}`);
  }

  #tell(order: Order): void {
    for (const worker of this.#seated) this.#worker(worker).order(order);
  }

  async #ask<T extends Report['type']>(workers: readonly string[], order: Order, answer: T, timeoutMs?: number): Promise<Map<string, ReportOf<T>>> {
    for (const worker of workers) this.#worker(worker).order(order);
    return this.#collect(workers, answer, timeoutMs ?? this.#options.config.stepTimeoutSeconds * 1000);
  }

  async #collect<T extends Report['type']>(workers: readonly string[], type: T, timeoutMs: number): Promise<Map<string, ReportOf<T>>> {
    const silent = new Set(workers);
    const all = Promise.all(
      workers.map(async (worker) => {
        const report = await this.#worker(worker).next(type);
        silent.delete(worker);
        return [worker, report] as const;
      }),
    );
    return new Map(await this.#within(timeoutMs, `report "${type}"`, all, silent));
  }

  /** The value, unless a worker fails or the time is over before. */
  async #within<T>(timeoutMs: number, what: string, value: Promise<T>, silent: ReadonlySet<string> = new Set()): Promise<T> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => {
        const who = silent.size > 0 ? `worker ${[...silent].join(', ')}` : 'a worker';
        reject(new WorkerError('PT_WORKER_SILENT', `${who} did not ${what} within ${timeoutMs / 1000} s`, 'Raise --step-timeout-seconds where steps are that long; otherwise see what the worker waits for.'));
      }, timeoutMs);
    });
    try {
      return await Promise.race([value, this.#failed, late]);
    } finally {
      clearTimeout(timer);
    }
  }
}
