// Coordinator: membership, barriers and orders. It makes all workers adopt a plan, drives their steps, collects what
// they report, and after a loss brings those that are left (and replacements) to a state from which a new plan can
// start. It holds no tensor and takes no decision about training: the trainer does.
import { randomBytes } from 'node:crypto';
import type { BlockCost } from '../../pipeline/costs.js';
import type { Message } from '../comm/frame.js';
import type { Hello } from '../comm/handshake.js';
import type { Listener } from '../comm/listen.js';
import type { Peer } from '../comm/peer.js';
import type { Trust } from '../comm/tls.js';
import { isMemoryShortage } from '../core/conditions.js';
import { Deferred } from '../core/deferred.js';
import { WorkerError } from '../core/errors.js';
import { present } from '../core/invariant.js';
import { type Plan, seatOf } from '../core/plan.js';
import { jointCosts } from '../costs/joint-costs.js';
import { slownessOf } from '../costs/slowness.js';
import type { MemoryFolder } from '../memory/memory-folder.js';
import { RunMemory } from '../memory/run-memory.js';
import { type Entrance, entranceOf, ownUrl } from '../protocol/entrance.js';
import type { Colleague, Order, Report, ReportOf } from '../protocol/messages.js';
import { PlanTransition } from '../protocol/plan-transition.js';
import { StateKeeper } from '../state/state-keeper.js';
import { Admission } from './admission.js';
import type { CoordinatorOptions, Update } from './coordinator-options.js';
import { JoinedWorker } from './joined-worker.js';
import type { Member, MembershipNews, Regrouping } from './member.js';
import { openPort, placeOf } from './port.js';
import { RollCall } from './roll-call.js';
import { setupOrder } from './setup-order.js';
import { answerStatus, signsOfLife } from './status-desk.js';
import { type Adoption, adoptionOf } from './transition-parts.js';
import { culpritOf, failureFrom, LostWorker, type WorkerLink } from './worker-link.js';
import { WorkerProcess } from './worker-process.js';

/** A worker has this long to start, load the data and compile. */
const START_TIMEOUT_MS = 120_000;

export class Coordinator {
  readonly #options: CoordinatorOptions;
  readonly #token: string;
  readonly #stepTimeoutMs: number;
  readonly #memory: RunMemory;
  readonly #admission: Admission;
  /** Snapshots and copies of the state, and what workers of other hosts bring and fetch of it. */
  readonly state: StateKeeper;
  readonly #workers = new Map<string, WorkerLink>();
  readonly #colleagues: Record<string, Colleague> = {};
  readonly #computeMs = new Map<string, number | null>();
  readonly #leaving = new Set<string>();
  /** Leave requests that cannot be met: the last worker stays. */
  readonly #kept = new Set<string>();
  #gone: { worker: string; reason: string }[] = [];
  readonly #arrivals = new Map<string, Deferred<void>>();
  /** Workers whose loss has not been dealt with, and why they are gone. */
  readonly #lost = new Map<string, string>();
  readonly #calls = new RollCall({
    linkOf: (id) => this.#workers.get(id),
    trouble: () => this.#trouble.promise,
    onSilent: (error) => this.#fail(error, error.worker),
  });
  /** Rejects at the first failure since the last recovery. */
  #trouble = new Deferred<never>();
  #listener: Listener | null = null;
  /** How the workers know this process where its port speaks TLS. */
  #trust: Trust | undefined;
  readonly #transition = new PlanTransition('the coordinator');
  #plan: Plan | null = null;
  #numInvited = 0;
  #isClosing = false;
  /**
   * While a plan is adopted or the workers are regrouped, everybody is waited for; so it stays until the next plan is
   * adopted.
   */
  #isGathering = false;
  #heartbeat: NodeJS.Timeout | undefined;

  constructor(options: CoordinatorOptions) {
    this.#options = options;
    this.#stepTimeoutMs = options.config.stepTimeoutSeconds * 1000;
    this.#memory = new RunMemory(options.config);
    this.state = new StateKeeper({
      folder: this.#memory.shared.path,
      model: options.model,
      calls: this.#calls,
      timeoutMs: this.#stepTimeoutMs,
      isHome: (worker) => this.#colleagues[worker]?.domain === this.#memory.shared.probe,
    });
    this.#token = options.token ?? randomBytes(24).toString('base64url');
    this.#admission = new Admission({
      heartbeatSeconds: options.config.heartbeatSeconds,
      nextName: () => this.#nextName(),
      setup: () => setupOrder(options, this.#memory, present(options.digests?.(), 'digests')),
      handlers: this.#handlers,
      onRefused: (worker, reason) => options.onRefused?.(worker, reason),
    });
  }

  get cacheFolder(): MemoryFolder | null {
    return this.#memory.disk;
  }

  /** As RunMemory. */
  removeOldCaches(plan: Plan): void {
    this.#memory.removeOldCaches(plan);
  }

  /** How others reach this run. */
  get entrance(): Entrance {
    return entranceOf(present(this.#listener, 'listener').url, this.#token, this.#trust?.fingerprint);
  }

  get memoryFolder(): MemoryFolder {
    return this.#memory.shared;
  }

  /** Workers that take part, in the order in which they joined. */
  get workers(): string[] {
    return [...this.#workers.keys()];
  }

  /** How many times as long as these costs a worker takes. */
  slownessOf(worker: string, costs: readonly BlockCost[]): number {
    return slownessOf(this.#computeMs.get(worker) ?? null, costs);
  }

  /** Starts the processes of the workers. They load their code while the coordinator still reads the data. */
  async open(): Promise<void> {
    const { onDropped, config } = this.#options;
    const { listener, trust } = await openPort(config, {
      onRefused: onDropped,
      token: this.#token,
      name: 'coordinator',
      onPeer: (peer, hello) => this.#greet(peer, hello),
    });
    this.#listener = listener;
    this.#trust = trust;
    this.#heartbeat = setInterval(() => this.#beat(), (this.#options.config.heartbeatSeconds * 1000) / 4).unref();
    if (!this.#isClosing) this.#invite(this.#options.workers.length);
  }

  /** Waits until each of the workers that `open` started has loaded the model and the data. */
  launch(): Promise<Member[]> {
    return this.#setUp(this.workers);
  }

  /** Lets all workers measure at the same time what every block costs: they will also train at the same time. */
  async measureCosts(microBatch = this.#options.microBatch): Promise<ReportOf<'costs'>> {
    return jointCosts([
      ...(
        await this.#ask(
          this.workers,
          { type: 'measure-costs', microBatch, workers: this.workers, colleagues: this.#colleagues },
          'costs',
          START_TIMEOUT_MS,
        )
      ).values(),
    ]);
  }

  /** Makes every worker adopt a plan; to be called between steps only. Resolves to what it took. */
  async adopt(plan: Plan): Promise<Adoption> {
    this.#isGathering = true;
    this.#transition.prepare(plan.generation);
    const keeper = this.state.follow(plan);
    const prepared = await this.#ask(
      this.workers,
      { type: 'prepare', plan, keeper, colleagues: this.#colleagues },
      'prepared',
      START_TIMEOUT_MS,
    );
    this.#transition.prepared();
    const active = await this.#ask(this.workers, { type: 'activate', generation: plan.generation }, 'active');
    this.#transition.active();
    this.#plan = plan;
    this.#isGathering = false;
    return adoptionOf(prepared.values(), active.values());
  }

  /**
   * Lets the workers compile for plans that may come next, while they wait for something else. Has no effect but that.
   */
  prewarm(plans: readonly Plan[]): void {
    if (plans.length > 0)
      for (const worker of this.workers) this.#worker(worker).order({ type: 'prewarm', plans: [...plans] });
  }

  /** Whether somebody came, wants to go or is gone, so that the next step boundary should be one for all. */
  get hasNews(): boolean {
    return this.#admission.numReady > 0 || this.#leaving.size > 0 || this.#gone.length > 0;
  }

  /** Takes what changed: those that joined are members from now on. To be called between steps only. */
  takeNews(): MembershipNews {
    const joined = this.#admission.take().map(({ worker, ready }): Member => {
      this.#workers.set(worker.id, worker);
      return this.#enlist(worker, ready);
    });
    const gone = this.#gone;
    this.#gone = [];
    return { joined, leaving: [...this.#leaving], gone };
  }

  /** Tells workers that wanted to go that they cannot. */
  keep(workers: readonly string[]): void {
    for (const id of workers) {
      this.#leaving.delete(id);
      this.#kept.add(id);
    }
  }

  /** Lets a worker go that has no seat any more. */
  async dismiss(id: string): Promise<void> {
    this.#leaving.delete(id);
    const worker = this.#workers.get(id);
    this.#remove(id);
    await worker?.stop();
  }

  /** Starts a run of steps at `step`; every commit tells the workers whether the next one follows. */
  start(step: number): void {
    this.#calls.tell(this.#seated, { type: 'start', generation: this.#current.generation, step });
  }

  /** What the seated workers report of the step that runs now. */
  async stepReports(): Promise<Map<string, ReportOf<'step-ready'>>> {
    return this.#calls.collect(this.#seated, 'step-ready', this.#stepTimeoutMs);
  }

  /**
   * Lets every seated worker apply the update of the step. Where no step follows at once, waits until all have applied
   * it: only then may anybody copy anybody's state.
   */
  async commit(step: number, update: Update, goesOn: boolean): Promise<void> {
    const snapshot = this.state.expectSnapshot(update.snapshot);
    this.#calls.tell(this.#seated, {
      type: 'commit',
      generation: this.#current.generation,
      step,
      ...update,
      snapshot,
      goesOn,
    });
    if (!goesOn) await this.#calls.collect(this.#seated, 'paused', this.#stepTimeoutMs);
  }

  /**
   * Sums over the validation samples, or every `stride`-th micro-batch of them, micro-batch by micro-batch in order.
   */
  async evaluate(stride = 1): Promise<ReportOf<'evaluated'>['results']> {
    const reports = await this.#ask(
      this.#seated,
      { type: 'evaluate', generation: this.#current.generation, stride },
      'evaluated',
      10 * this.#stepTimeoutMs,
    );
    return [...reports.values()].flatMap(({ results }) => results).sort((a, b) => a.index - b.index);
  }

  /**
   * After a failure: makes sure that the lost are gone, lets everybody else give up what they do, and starts
   * replacements until as many workers are there as before, or `maxNew` were started. Afterwards a plan may be adopted
   * that restores state. Losses during the recovery are dealt with in it.
   */
  async regroup(maxNew: number): Promise<Regrouping> {
    this.#transition.abandon();
    this.#isGathering = true;
    const lost = new Map<string, string>();
    const joined = new Map<string, Member>();
    const target = this.workers.length;
    const numOwn = this.#numOwn;
    let numStarted = 0;
    for (;;) {
      // Started beside one that was lost while it started: it knows nothing yet, and another one may as well be asked.
      const unready = this.workers.filter(
        (worker) => this.#colleagues[worker] === undefined && !this.#lost.has(worker),
      );
      numStarted -= unready.length;
      for (const id of unready) await this.#cutOff(id);
      // Whoever is lost while others are dismissed is met by this loop too.
      for (const [id, reason] of this.#lost) {
        lost.set(id, reason);
        joined.delete(id);
        await this.#cutOff(id);
      }
      // Only now: what was lost up to here has been dealt with, and must not fail what comes.
      this.#lost.clear();
      this.#trouble = new Deferred();
      for (const id of this.workers) this.#worker(id).forget();
      try {
        await this.#ask(this.workers, { type: 'abort' }, 'aborted');
        // What they reported before they gave up has arrived by now, and means nothing any more.
        for (const id of this.workers) this.#worker(id).forget();
        // Spares that joined come first; and nobody can start a worker again that joined from elsewhere.
        const count = Math.min(
          target - this.workers.length - this.#numSpares,
          numOwn - this.#numOwn,
          maxNew - numStarted,
        );
        if (count <= 0) break;
        numStarted += count;
        for (const member of await this.#setUp(this.#invite(count))) joined.set(member.worker, member);
        break;
      } catch (error) {
        if (this.#lost.size === 0) throw error;
      }
    }
    return {
      lost: [...lost].map(([worker, reason]) => ({ worker, reason })),
      joined: [...joined.values()],
      numStarted,
    };
  }

  /** Stops every worker and removes the shared memory. Never throws; safe after a failure. */
  async close(): Promise<void> {
    this.#isClosing = true;
    clearInterval(this.#heartbeat);
    await Promise.all([this.#admission.close(), ...[...this.#workers.values()].map((worker) => worker.stop())]);
    await this.#listener?.close();
    this.state.close();
    this.#memory.close();
  }

  /** Kills every worker and removes the shared memory at once, for a process that is about to exit. */
  abort(): void {
    this.#isClosing = true;
    for (const worker of this.#workers.values()) worker.kill();
    this.#memory.close();
  }

  get #current(): Plan {
    return this.#transition.inForce(this.#plan);
  }

  get #seated(): string[] {
    return this.workers.filter((worker) => seatOf(this.#current, worker) !== null);
  }

  get #numOwn(): number {
    return [...this.#workers.values()].filter(({ isOwn }) => isOwn).length;
  }

  /** Workers that joined and have no seat. */
  get #numSpares(): number {
    return [...this.#workers.values()].filter(
      ({ isOwn, id }) => !isOwn && (this.#plan === null || seatOf(this.#plan, id) === null),
    ).length;
  }

  /** Whether nobody waits for a worker: it joined, and has no seat in the plan that is in force or on its way. */
  #isSpare(id: string): boolean {
    return (
      this.#workers.get(id)?.isOwn === false &&
      !this.#isGathering &&
      this.#plan !== null &&
      seatOf(this.#plan, id) === null
    );
  }

  readonly #handlers = {
    onFailure: (error: Error, worker: string): void => this.#fail(error, worker),
    onDropped: (worker: string, reason: string): void => this.#options.onDropped(worker, reason),
    onState: (message: Message, worker: string, peer: Peer): void => this.state.take(message, worker, peer),
    onReport: (report: Report, worker: string): void => {
      if (report.type === 'dropped') this.#options.onDropped(`${report.peer} at worker ${worker}`, report.reason);
      if (report.type === 'leaving' && this.#workers.has(worker) && !this.#kept.has(worker)) this.#leaving.add(worker);
      this.#options.onReport(report, worker);
    },
  };

  #greet(peer: Peer, hello: Hello): void {
    if (this.#isClosing) throw new WorkerError('PT_RUN_ENDS', 'the run is about to end', 'Join another one.');
    if (hello['role'] === 'status')
      return answerStatus(
        peer,
        this.#options.status(signsOfLife([...this.#workers.values(), ...this.#admission.waiting], this.#leaving)),
        this.#options.onDropped,
      );
    if (hello['role'] === 'join') {
      if ((this.#options.digests?.() ?? null) === null)
        throw new WorkerError('PT_RUN_STARTS', 'the run is still starting', 'Try again in a moment.');
      return this.#admission.arrive(peer, hello);
    }
    const worker = this.#workers.get(peer.name);
    if (!(worker instanceof WorkerProcess) || worker.isConnected)
      throw new WorkerError(
        'PT_UNKNOWN_WORKER',
        `no worker "${peer.name}" is expected`,
        'Start workers through the command.',
      );
    worker.connect(peer);
    this.#arrivals.get(peer.name)?.resolve();
  }

  /**
   * Lets everybody show a sign of life, and gives up those that joined and show none: a link that is cut closes no
   * connection.
   */
  #beat(): void {
    const limit = this.#options.config.heartbeatSeconds;
    for (const worker of [...this.#workers.values(), ...this.#admission.waiting]) {
      if (!worker.isOwn && worker.silentMs > limit * 1000)
        this.#fail(
          new LostWorker(
            worker.id,
            `nothing was heard of worker ${worker.id} for ${limit} s`,
            'Check the network and that host; raise --heartbeat-seconds where silences are that long.',
          ),
          worker.id,
        );
      else worker.order({ type: 'ping' });
    }
  }

  #nextName(): string {
    return `w${this.#numInvited++}`;
  }

  #enlist(worker: WorkerLink, { device, address, fingerprint, domain, computeMs }: ReportOf<'ready'>): Member {
    this.#computeMs.set(worker.id, computeMs);
    this.#colleagues[worker.id] = { address, fingerprint, domain };
    return {
      worker: worker.id,
      pid: worker.pid,
      device,
      ...(worker instanceof JoinedWorker ? { origin: worker.origin } : {}),
    };
  }

  #worker(id: string): WorkerLink {
    return present(this.#workers.get(id), `worker ${id}`);
  }

  /** Starts the processes of `count` workers; returns their names. */
  #invite(count: number): string[] {
    const ids = Array.from({ length: count }, () => this.#nextName());
    const url = ownUrl(present(this.#listener, 'listener').url);
    for (const id of ids) {
      this.#arrivals.set(id, new Deferred());
      this.#workers.set(
        id,
        new WorkerProcess(
          {
            url,
            token: this.#token,
            worker: id,
            host: placeOf(this.#options.config).host,
            trust: this.#trust,
            own: null,
          },
          this.#handlers,
        ),
      );
    }
    return ids;
  }

  /** Waits until invited workers have come, and sets them up. */
  async #setUp(ids: readonly string[]): Promise<Member[]> {
    await this.#calls.within(
      START_TIMEOUT_MS,
      'start',
      Promise.all(ids.map((id) => present(this.#arrivals.get(id), 'arrival').promise)),
    );
    const ready = await this.#ask(ids, setupOrder(this.#options, this.#memory, null), 'ready', START_TIMEOUT_MS);
    return [...ready].map(([worker, report]) => this.#enlist(this.#worker(worker), report));
  }

  async #cutOff(id: string): Promise<void> {
    const worker = this.#workers.get(id);
    worker?.kill();
    await worker?.stop();
    this.#remove(id);
    this.#memory.shared.removeAllOf(id);
  }

  #remove(id: string): void {
    this.#workers.delete(id);
    this.#leaving.delete(id);
    delete this.#colleagues[id];
    this.#computeMs.delete(id);
  }

  #fail(given: Error, reporter: string): void {
    if (this.#isClosing || !this.#workers.has(reporter)) return;
    const { cause, worker } = culpritOf(given, reporter, (id) => this.#workers.get(id));
    const error = failureFrom(this.#worker(worker), cause);
    if (error instanceof LostWorker && this.#isSpare(worker)) {
      this.#gone.push({ worker, reason: error.message });
      this.#worker(worker).kill();
      return this.#remove(worker);
    }
    // A worker that found no memory has ended, or is about to.
    if (error instanceof LostWorker || isMemoryShortage(error)) this.#lost.set(worker, error.message);
    this.#trouble.reject(error);
  }

  #ask<T extends Report['type']>(
    workers: readonly string[],
    order: Order,
    answer: T,
    timeoutMs = this.#stepTimeoutMs,
  ): Promise<Map<string, ReportOf<T>>> {
    return this.#calls.ask(workers, order, answer, timeoutMs);
  }
}
