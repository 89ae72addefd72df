// Coordinator: membership, barriers and orders. It makes all workers adopt a plan, drives their steps, collects what they report, and after a loss
// brings those that are left (and replacements) to a state from which a new plan can start. It holds no tensor and takes no decision about
// training: the trainer does.
import { randomBytes } from 'node:crypto';
import { tmpdir } from 'node:os';
import { blockSources } from './block-sources.js';
import type { BlockSource } from './checkpoint.js';
import { listen, type Listener } from './comm/listen.js';
import { fingerprintOf, readCredentials, type Trust } from './comm/tls.js';
import type { TrainConfig } from './config.js';
import { Deferred } from './core/deferred.js';
import { PipetrainError, UsageError, WorkerError } from './core/errors.js';
import { present } from './core/invariant.js';
import { executorOf } from './devices.js';
import { cacheFile, diskFile, diskIndexFile } from './dp/memory-names.js';
import { MemoryFolder } from './memory-folder.js';
import type { Order, Report, ReportOf } from './messages.js';
import { seatOf, type Plan } from './plan.js';
import { adoptionOf, type Adoption } from './transition-parts.js';
import { LostWorker, WorkerProcess } from './worker-process.js';

/** A worker has this long to start, load the data and compile. */
const START_TIMEOUT_MS = 120_000;
/** Part of the step time-out after which a silent worker is asked whether it is there; it has the rest to answer. */
const PATIENCE = 0.75;

export interface CoordinatorOptions {
  readonly config: TrainConfig;
  readonly workers: readonly string[];
  readonly microBatch: number;
  /** Folder for what the workers keep between runs, or null. */
  readonly programCache: string | null;
  readonly onReport: (report: Report, worker: string) => void;
  /** Told of connections that were not let in or were cut: who, and why. */
  readonly onDropped: (peer: string, reason: string) => void;
}

export interface Member {
  readonly worker: string;
  readonly pid: number;
  readonly device: string;
}

export interface Update {
  readonly learningRate: number;
  readonly gradientScale: number;
  readonly updateCount: number;
  /** Factors of the learning rate per block; absent: 1 for all. */
  readonly rates?: number[] | undefined;
  /** Version of the snapshot to write after the update, or null. */
  readonly snapshot: number | null;
}

/** What a recovery found and did. */
export interface Regrouping {
  readonly lost: readonly { readonly worker: string; readonly reason: string }[];
  readonly joined: readonly Member[];
  /** Workers that were started, those that were lost again included. */
  readonly numStarted: number;
}

/** What kept a snapshot from being whole, at any of its writers. */
function problemIn(written: ReadonlyMap<string, ReportOf<'snapshot-written'>>): string | null {
  return [...written.values()].find(({ problem }) => problem !== null)?.problem ?? null;
}

export class Coordinator {
  readonly #options: CoordinatorOptions;
  readonly #token = randomBytes(24).toString('base64url');
  readonly #memory: MemoryFolder;
  /** Where cached activations go that memory has no room for; null where the run has no disk tier. */
  readonly #cacheFolder: MemoryFolder | null;
  readonly #workers = new Map<string, WorkerProcess>();
  readonly #addresses: Record<string, string> = {};
  readonly #arrivals = new Map<string, Deferred<void>>();
  /** Workers whose loss has not been dealt with, and why they are gone. */
  readonly #lost = new Map<string, string>();
  /** Rejects at the first failure since the last recovery. */
  #trouble = new Deferred<never>();
  #listener: Listener | null = null;
  /** How the workers know this process where its port speaks TLS. */
  #trust: Trust | undefined;
  #plan: Plan | null = null;
  #numInvited = 0;
  #isClosing = false;

  constructor(options: CoordinatorOptions) {
    this.#options = options;
    this.#cacheFolder = openCacheFolder(options.config);
    try {
      this.#memory = new MemoryFolder(options.config.memoryDir);
    } catch (error) {
      this.#cacheFolder?.close();
      throw error;
    }
  }

  /** Where cached activations go that memory has no room for, or null. */
  get cacheFolder(): MemoryFolder | null {
    return this.#cacheFolder;
  }

  /** Removes the cache of a level that no plan reads any more; the memory goes when the workers have unmapped it. */
  removeCache(depth: number): void {
    for (const file of [cacheFile(this.#memory.path, depth), diskIndexFile(this.#memory.path, depth)]) this.#memory.remove(file);
    if (this.#cacheFolder !== null) this.#cacheFolder.remove(diskFile(this.#cacheFolder.path, depth));
  }

  get memoryFolder(): MemoryFolder {
    return this.#memory;
  }

  /** Workers that take part, in the order in which they joined. */
  get workers(): string[] {
    return [...this.#workers.keys()];
  }

  /** Starts the processes of the workers. They load their code while the coordinator still reads the data. */
  async open(): Promise<void> {
    const { port, tlsCert, tlsKey } = this.#options.config;
    const tls = readCredentials(tlsCert, tlsKey);
    if (tls !== null) this.#trust = { fingerprint: fingerprintOf(tls.cert) };
    this.#listener = await listen({
      port,
      ...(tls === null ? {} : { tls }),
      onRefused: this.#options.onDropped,
      token: this.#token,
      name: 'coordinator',
      onPeer: (peer) => {
        const worker = this.#workers.get(peer.name);
        if (worker === undefined || worker.isConnected) throw new WorkerError('PT_UNKNOWN_WORKER', `no worker "${peer.name}" is expected`, 'Start workers through the command.');
        worker.connect(peer);
        this.#arrivals.get(peer.name)?.resolve();
      },
    });
    if (!this.#isClosing) this.#invite(this.#options.workers.length);
  }

  /** Waits until each of the workers that `open` started has loaded the model and the data. */
  launch(): Promise<Member[]> {
    return this.#setUp(this.workers);
  }

  /** Lets one worker measure what every block costs on its device. */
  async measureCosts(): Promise<ReportOf<'costs'>> {
    const first = present(this.workers[0], 'worker');
    return present((await this.#ask([first], { type: 'measure-costs' }, 'costs', START_TIMEOUT_MS)).get(first), 'costs');
  }

  /** Makes every worker adopt a plan; to be called between steps only. Resolves to what it took. */
  async adopt(plan: Plan): Promise<Adoption> {
    const prepared = await this.#ask(this.workers, { type: 'prepare', plan, addresses: this.#addresses }, 'prepared', START_TIMEOUT_MS);
    const active = await this.#ask(this.workers, { type: 'activate', generation: plan.generation }, 'active');
    this.#plan = plan;
    return adoptionOf(prepared.values(), active.values());
  }

  /** Lets the workers compile for plans that may come next, while they wait for something else. Has no effect but that. */
  prewarm(plans: readonly Plan[]): void {
    if (plans.length > 0) for (const worker of this.workers) this.#worker(worker).order({ type: 'prewarm', plans: [...plans] });
  }

  /** Starts a run of steps at `step`; every commit tells the workers whether the next one follows. */
  start(step: number): void {
    this.#tell({ type: 'start', generation: this.#current.generation, step });
  }

  /** What the seated workers report of the step that runs now. */
  async stepReports(): Promise<Map<string, ReportOf<'step-ready'>>> {
    return this.#collect(this.#seated, 'step-ready', this.#stepTimeoutMs);
  }

  /**
   * Lets every seated worker apply the update of the step. Where no step follows at once, waits until all have applied it: only then may
   * anybody copy anybody's state.
   */
  async commit(step: number, update: Update, goesOn: boolean): Promise<void> {
    this.#tell({ type: 'commit', generation: this.#current.generation, step, ...update, goesOn });
    if (!goesOn) await this.#collect(this.#seated, 'paused', this.#stepTimeoutMs);
  }

  /** Lets replica 0 write a snapshot between steps. Resolves to why it is not whole, or null. */
  async snapshot(step: number, version: number): Promise<string | null> {
    return problemIn(await this.#ask(this.#writers, { type: 'snapshot', generation: this.#current.generation, step, version }, 'snapshot-written'));
  }

  /** Waits for the snapshot that a commit asked for; as `snapshot`. */
  async snapshotWritten(): Promise<string | null> {
    return problemIn(await this.#collect(this.#writers, 'snapshot-written', this.#stepTimeoutMs));
  }

  /** Sums over the validation samples, or every `stride`-th micro-batch of them, micro-batch by micro-batch in order. */
  async evaluate(stride = 1): Promise<ReportOf<'evaluated'>['results']> {
    const reports = await this.#ask(this.#seated, { type: 'evaluate', generation: this.#current.generation, stride }, 'evaluated', 10 * this.#stepTimeoutMs);
    return [...reports.values()].flatMap(({ results }) => results).sort((a, b) => a.index - b.index);
  }

  /** Where the state of every block lies now; between steps, and until the next one. */
  liveState(): BlockSource[] {
    return blockSources(this.#current, this.#memory.path, 'live');
  }

  /** Lets replica 0 copy the state of every block, between steps; where it then lies for as long as nobody copies again. Null: no memory for it. */
  async copyState(): Promise<BlockSource[] | null> {
    const plan = this.#current;
    const copied = await this.#ask(this.#writers, { type: 'copy-state', generation: plan.generation }, 'state-copied');
    return [...copied.values()].some(({ problem }) => problem !== null) ? null : blockSources(plan, this.#memory.path, 'copy');
  }

  /**
   * After a failure: makes sure that the lost are gone, lets everybody else give up what they do, and starts replacements until as many workers are there
   * as before, or `maxNew` were started.
   * Afterwards a plan may be adopted that restores state. Losses during the recovery are dealt with in it.
   */
  async regroup(maxNew: number): Promise<Regrouping> {
    const lost = new Map<string, string>();
    const joined = new Map<string, Member>();
    const target = this.workers.length;
    let numStarted = 0;
    for (;;) {
      // Started beside one that was lost while it started: it knows nothing yet, and another one may as well be asked.
      const unready = this.workers.filter((worker) => this.#addresses[worker] === undefined && !this.#lost.has(worker));
      numStarted -= unready.length;
      for (const id of unready) await this.#dismiss(id);
      // Whoever is lost while others are dismissed is met by this loop too.
      for (const [id, reason] of this.#lost) {
        lost.set(id, reason);
        joined.delete(id);
        await this.#dismiss(id);
      }
      // Only now: what was lost up to here has been dealt with, and must not fail what comes.
      this.#lost.clear();
      this.#trouble = new Deferred();
      for (const id of this.workers) this.#worker(id).forget();
      try {
        await this.#ask(this.workers, { type: 'abort' }, 'aborted');
        // What they reported before they gave up has arrived by now, and means nothing any more.
        for (const id of this.workers) this.#worker(id).forget();
        const count = Math.min(target - this.workers.length, maxNew - numStarted);
        if (count <= 0) break;
        numStarted += count;
        for (const member of await this.#setUp(this.#invite(count))) joined.set(member.worker, member);
        break;
      } catch (error) {
        if (this.#lost.size === 0) throw error;
      }
    }
    return { lost: [...lost].map(([worker, reason]) => ({ worker, reason })), joined: [...joined.values()], numStarted };
  }

  /** Stops every worker and removes the shared memory. Never throws; safe after a failure. */
  async close(): Promise<void> {
    this.#isClosing = true;
    await Promise.all([...this.#workers.values()].map((worker) => worker.stop()));
    await this.#listener?.close();
    this.#memory.close();
    this.#cacheFolder?.close();
  }

  /** Kills every worker and removes the shared memory at once, for a process that is about to exit. */
  abort(): void {
    this.#isClosing = true;
    for (const worker of this.#workers.values()) worker.kill();
    this.#memory.close();
    this.#cacheFolder?.close();
  }

  get #current(): Plan {
    return present(this.#plan, 'plan');
  }

  get #seated(): string[] {
    return this.workers.filter((worker) => seatOf(this.#current, worker) !== null);
  }

  /** The workers that write snapshots: replica 0 has every block. */
  get #writers(): string[] {
    return this.workers.filter((worker) => seatOf(this.#current, worker)?.replica === 0);
  }

  get #stepTimeoutMs(): number {
    return this.#options.config.stepTimeoutSeconds * 1000;
  }

  #worker(id: string): WorkerProcess {
    return present(this.#workers.get(id), `worker ${id}`);
  }

  /** Starts the processes of `count` workers; returns their names. */
  #invite(count: number): string[] {
    const ids = Array.from({ length: count }, () => `w${this.#numInvited++}`);
    const url = present(this.#listener, 'listener').url;
    for (const id of ids) {
      this.#arrivals.set(id, new Deferred());
      this.#workers.set(
        id,
        new WorkerProcess({ url, token: this.#token, worker: id, trust: this.#trust }, { onFailure: (error, worker) => this.#fail(error, worker), onReport: this.#options.onReport }),
      );
    }
    return ids;
  }

  /** Waits until invited workers have come, and sets them up. */
  async #setUp(ids: readonly string[]): Promise<Member[]> {
    await this.#within(START_TIMEOUT_MS, 'start', Promise.all(ids.map((id) => present(this.#arrivals.get(id), 'arrival').promise)));
    const { config, microBatch, programCache } = this.#options;
    const ready = await this.#ask(ids, { type: 'setup', config, executor: executorOf(config.devices), memoryFolder: this.#memory.path, cacheFolder: this.#cacheFolder?.path ?? null, microBatch, programCache }, 'ready', START_TIMEOUT_MS);
    for (const [worker, report] of ready) this.#addresses[worker] = report.address;
    return [...ready].map(([worker, { device }]) => ({ worker, pid: this.#worker(worker).pid, device }));
  }

  async #dismiss(id: string): Promise<void> {
    const worker = this.#workers.get(id);
    worker?.kill();
    await worker?.stop();
    this.#workers.delete(id);
    delete this.#addresses[id];
    this.#memory.removeAllOf(id);
  }

  #fail(error: Error, worker: string): void {
    if (this.#isClosing || !this.#workers.has(worker)) return;
    // A worker that found no memory has ended, or is about to.
    if (error instanceof LostWorker || (error instanceof PipetrainError && error.code === 'PT_SHM_FULL')) this.#lost.set(worker, error.message);
    this.#trouble.reject(error);
  }

  #tell(order: Order): void {
    for (const worker of this.#seated) this.#worker(worker).order(order);
  }

  async #ask<T extends Report['type']>(workers: readonly string[], order: Order, answer: T, timeoutMs?: number): Promise<Map<string, ReportOf<T>>> {
    for (const worker of workers) this.#worker(worker).order(order);
    return this.#collect(workers, answer, timeoutMs ?? this.#stepTimeoutMs);
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
    const late = new Deferred<never>();
    const timer = setTimeout(() => this.#findSilent(silent, what, timeoutMs, late), timeoutMs * PATIENCE);
    try {
      return await Promise.race([value, this.#trouble.promise, late.promise]);
    } finally {
      clearTimeout(timer);
    }
  }

  /** Tells workers that hang from those that wait for them: the latter answer. */
  #findSilent(silent: ReadonlySet<string>, what: string, timeoutMs: number, late: Deferred<never>): void {
    const asked = [...silent].filter((worker) => this.#workers.has(worker));
    const missing = new Set(asked);
    for (const worker of asked) {
      const process = this.#worker(worker);
      process.onPong(() => missing.delete(worker));
      process.order({ type: 'ping' });
    }
    setTimeout(() => {
      // All of them answer: whatever they wait for is not a worker that hangs; give it the same time once more.
      if (missing.size === 0 && asked.length > 0) {
        late.reject(new WorkerError('PT_WORKER_SILENT', `worker ${asked.join(', ')} did not ${what} within ${timeoutMs / 1000} s, though alive`, 'Raise --step-timeout-seconds where steps are that long; otherwise report this.'));
        return;
      }
      for (const worker of missing)
        this.#fail(new LostWorker(worker, `worker ${worker} did not ${what} within ${timeoutMs / 1000} s and does not answer`, 'Raise --step-timeout-seconds where steps are that long; otherwise see what stops the process.'), worker);
      late.reject(new WorkerError('PT_WORKER_SILENT', `a worker did not ${what} within ${timeoutMs / 1000} s`, 'Raise --step-timeout-seconds.'));
    }, timeoutMs * (1 - PATIENCE)).unref();
  }
}

/** Throws a UsageError (PT_CACHE_DIR) where the folder cannot be used. */
function openCacheFolder({ cacheDiskMb, cacheDir }: CoordinatorOptions['config']): MemoryFolder | null {
  if (cacheDiskMb === 0) return null;
  const parent = cacheDir ?? tmpdir();
  try {
    return new MemoryFolder(parent);
  } catch (error) {
    throw new UsageError('PT_CACHE_DIR', `no folder for the cache can be made in ${parent}: ${error instanceof Error ? error.message : String(error)}`, 'Pass --cache-dir with a folder that exists and is writable, or --cache-disk-mb 0.', { cause: error });
  }
}
