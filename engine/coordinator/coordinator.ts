// Coordinator: gives the orders of a run to all workers that take part and collects what they report: to adopt a plan,
// to do and commit a step, to validate, to regroup after a failure. It holds no tensor and takes no decision about
// training: the trainer does. Who takes part, what went wrong and what plan is in force are nouns of their own.
import type { BlockCost } from '../../pipeline/costs.js';
import { type Plan, seatOf } from '../core/plan.js';
import { jointCosts } from '../costs/joint-costs.js';
import { slownessOf } from '../costs/slowness.js';
import type { MemoryFolder } from '../memory/memory-folder.js';
import type { Entrance } from '../protocol/entrance.js';
import type { Report, ReportOf } from '../protocol/messages.js';
import { isFiniteReport } from '../protocol/step-result.js';
import type { StateKeeper } from '../state/state-keeper.js';
import type { CoordinatorOptions, ServedRun, Update } from './coordinator-options.js';
import { connected, type CoordinatorParts, makeParts, type Membership } from './coordinator-parts.js';
import { Heartbeat } from './heartbeat.js';
import { LostWorker } from './lost-worker.js';
import type { Member, MembershipNews, Regrouping } from './member.js';
import { openPort, type Port } from './port.js';
import { Recruitment, START_TIMEOUT_MS } from './recruitment.js';
import { regroup } from './regroup.js';
import type { OrderFor } from './roll-call.js';
import { runMeans, setupOrder } from './setup-order.js';
import { type Adoption, adoptionOf } from './transition-parts.js';
import { WorkerProcess } from './worker-process.js';

export class Coordinator {
  readonly #microBatch: number;
  readonly #stepTimeoutMs: number;
  readonly #parts: CoordinatorParts;
  readonly #membership: Membership;
  readonly #port: Port;
  readonly #recruitment: Recruitment;
  readonly #heartbeat: Heartbeat;
  readonly #onExit = (): void => this.abort();
  #isLaunched = false;

  private constructor(options: CoordinatorOptions, parts: CoordinatorParts, port: Port) {
    const { config, microBatch } = options;
    const { membership, memory, calls, handlers } = parts;
    this.#microBatch = microBatch;
    this.#stepTimeoutMs = config.stepTimeoutSeconds * 1000;
    this.#parts = parts;
    this.#membership = membership;
    this.#port = port;
    this.#recruitment = new Recruitment({
      roster: membership.roster,
      calls,
      port,
      handlers,
      setup: () => setupOrder(options, memory, true, this.#isLaunched ? parts.phase.run.digests() : null),
      means: runMeans(options, memory),
    });
    this.#heartbeat = new Heartbeat({
      seconds: config.heartbeatSeconds,
      patienceWith: (worker) => membership.admission.patienceWith(worker),
      links: () => connected(membership),
      onSilent: (worker, error) => worker.giveUp(error),
    });
    process.on('exit', this.#onExit);
  }

  /**
   * Opens the port of a run and starts the processes of its workers, which load their code while the caller reads the
   * data. They and the shared memory go with `close`, or with this process. Throws what opening the port throws, and a
   * UsageError (PT_MEMORY_DIR, PT_CACHE_DIR).
   */
  static async open(options: CoordinatorOptions): Promise<Coordinator> {
    const parts = makeParts(options);
    const coordinator = new Coordinator(options, parts, await portOf(options, parts));
    try {
      coordinator.#recruitment.invite(options.workers.length);
    } catch (error) {
      await coordinator.close();
      throw error;
    }
    return coordinator;
  }

  /** Snapshots and copies of the state, and what workers of other hosts bring and fetch of it. */
  get state(): StateKeeper {
    return this.#parts.state;
  }

  get cacheFolder(): MemoryFolder | null {
    return this.#parts.memory.disk;
  }

  get memoryFolder(): MemoryFolder {
    return this.#parts.memory.shared;
  }

  /** As MemoryFolder, for a folder that was taken away; the workers know it by the same name. */
  remakeMemory(): void {
    this.memoryFolder.remake();
    this.#parts.state.forget();
  }

  /** As RunMemory. */
  removeOldCaches(plan: Plan): void {
    this.#parts.memory.removeOldCaches(plan);
  }

  /** How others reach this run. */
  get entrance(): Entrance {
    return this.#port.entrance;
  }

  /** Workers that take part, in the order in which they joined. */
  get workers(): string[] {
    return this.#membership.roster.ids;
  }

  /** How many times as long as these costs a worker takes. */
  slownessOf(worker: string, costs: readonly BlockCost[]): number {
    return slownessOf(this.#membership.roster.computeMsOf(worker), costs);
  }

  /** The run is read: from now on workers may join, and `run` is told what happens. */
  serve(run: ServedRun): void {
    this.#parts.phase.serve(run);
  }

  /** Waits until each of the workers that were started with it has loaded the model and the data. */
  async launch(): Promise<Member[]> {
    const first = this.#membership.roster.links.filter((link) => link instanceof WorkerProcess);
    const members = await this.#recruitment.setUp(first);
    this.#isLaunched = true;
    return members;
  }

  /**
   * Lets all workers of the first one's kind measure at the same time what every block costs: they will also train at
   * the same time. Others have said how fast they are.
   */
  async measureCosts(microBatch = this.#microBatch): Promise<ReportOf<'costs'>> {
    const { roster } = this.#membership;
    const workers = this.workers.filter((worker) => roster.computeMsOf(worker) === null);
    const order = (worker: string) =>
      ({ type: 'measure-costs', microBatch, workers, colleagues: roster.colleaguesOf(worker) }) as const;
    return jointCosts([...(await this.#ask(workers, order, 'costs', START_TIMEOUT_MS)).values()]);
  }

  /** Makes every worker adopt a plan; to be called between steps only. Resolves to what it took. */
  async adopt(plan: Plan): Promise<Adoption> {
    const { plans, state } = this.#parts;
    // What is still copied belongs to the plan before.
    await state.settled();
    plans.prepare(plan);
    const { roster } = this.#membership;
    const keeper = state.chooseKeeper(plan);
    const order = (worker: string) =>
      ({ type: 'prepare', plan, keeper, colleagues: roster.colleaguesOf(worker) }) as const;
    const prepared = await this.#ask(this.workers, order, 'prepared', START_TIMEOUT_MS);
    plans.prepared();
    const active = await this.#ask(this.workers, { type: 'activate', generation: plan.generation }, 'active');
    plans.active();
    return adoptionOf(prepared.values(), active.values());
  }

  /**
   * Lets the workers compile for plans that may come next, while they wait for something else. Has no effect but that.
   */
  prewarm(plans: readonly Plan[]): void {
    if (plans.length > 0) this.#parts.calls.tell(this.workers, { type: 'prewarm', plans: [...plans] });
  }

  /** Whether somebody came, wants to go or is gone, so that the next step boundary should be one for all. */
  get hasNews(): boolean {
    const { admission, departures } = this.#membership;
    return admission.numReady > 0 || departures.hasNews;
  }

  /** Takes what changed: those that joined are members from now on. To be called between steps only. */
  takeNews(): MembershipNews {
    const { admission, departures, roster } = this.#membership;
    const joined = admission.take().map(({ worker, ready }): Member => {
      roster.add(worker);
      return roster.enlist(worker, ready);
    });
    return { joined, leaving: [...departures.leaving], gone: departures.takeGone() };
  }

  /** Tells workers that wanted to go that they cannot. */
  keep(workers: readonly string[]): void {
    this.#membership.departures.refuse(workers);
  }

  /** Lets a worker go that has no seat any more. */
  async dismiss(id: string): Promise<void> {
    const worker = this.#membership.roster.find(id);
    this.#remove(id);
    await worker?.stop();
  }

  /** Starts a run of steps at `step`; every commit tells the workers whether the next one follows. */
  start(step: number): void {
    const { calls, plans } = this.#parts;
    calls.tell(this.#seated, { type: 'start', generation: plans.current.generation, step });
  }

  /** What the seated workers report of the step that runs now. */
  async stepReports(): Promise<Map<string, ReportOf<'step-ready'>>> {
    const reports = await this.#parts.calls.collect(this.#seated, 'step-ready', this.#stepTimeoutMs);
    this.#requireBelievable(reports);
    return reports;
  }

  /**
   * Lets every seated worker apply the update of the step. Where no step follows at once, waits until all have applied
   * it: only then may anybody copy anybody's state.
   */
  async commit(step: number, update: Update, goesOn: boolean): Promise<void> {
    const { calls, plans, state } = this.#parts;
    const snapshot = state.expectSnapshot(update.snapshot);
    const { generation } = plans.current;
    calls.tell(this.#seated, { type: 'commit', generation, step, ...update, snapshot, goesOn });
    if (!goesOn) await calls.collect(this.#seated, 'paused', this.#stepTimeoutMs);
  }

  /** What is told of the validation samples, or every `stride`-th micro-batch of them, in their order. */
  async evaluate(stride = 1): Promise<ReportOf<'evaluated'>['results']> {
    const { generation } = this.#parts.plans.current;
    const order = { type: 'evaluate', generation, stride } as const;
    const reports = await this.#ask(this.#seated, order, 'evaluated', 10 * this.#stepTimeoutMs);
    return [...reports.values()].flatMap(({ results }) => results).sort((a, b) => a.index - b.index);
  }

  /**
   * After a failure: makes sure that the lost are gone, lets everybody else give up what they do, and starts
   * replacements until as many workers are there as before, or `maxNew` were started. Afterwards a plan may be adopted
   * that restores state. Losses during the recovery are dealt with in it.
   */
  regroup(maxNew: number): Promise<Regrouping> {
    const { plans, trouble, calls } = this.#parts;
    const { roster } = this.#membership;
    const cutOff = (id: string): Promise<void> => this.#cutOff(id);
    const recruitment = this.#recruitment;
    return regroup({ roster, plans, trouble, calls, recruitment, cutOff, timeoutMs: this.#stepTimeoutMs }, maxNew);
  }

  /** Stops every worker and removes the shared memory. Never throws; safe after a failure. */
  async close(): Promise<void> {
    const { phase, state, memory } = this.#parts;
    const { roster, admission } = this.#membership;
    phase.end();
    process.off('exit', this.#onExit);
    this.#heartbeat.stop();
    // Nobody waits for workers that are still starting: they have nothing to lose.
    for (const worker of roster.links) if (!roster.isReady(worker.id)) worker.kill();
    await Promise.all([admission.close(), ...roster.links.map((worker) => worker.stop())]);
    await this.#port.close();
    state.close();
    memory.close();
  }

  /** Kills every worker and removes the shared memory at once, for a process that is about to exit. */
  abort(): void {
    this.#parts.phase.end();
    for (const worker of this.#membership.roster.links) worker.kill();
    this.#parts.memory.close();
  }

  /**
   * A number that is not finite ends the run, so a worker that joined is not believed alone: the step is done again
   * without it, and where the number is real, one of the run's own finds it then. Throws a LostWorker.
   */
  #requireBelievable(reports: ReadonlyMap<string, ReportOf<'step-ready'>>): void {
    const { roster } = this.#membership;
    if (roster.numOwn === 0) return;
    for (const [worker, report] of reports) {
      if (roster.find(worker)?.isOwn !== false || isFiniteReport(report)) continue;
      const error = new LostWorker(
        worker,
        `worker ${worker} joined, and reports losses or gradients that are not finite; the step is done again ` +
          'without it',
        'Where they are real, the run will end with them.',
      );
      this.#parts.trouble.note(error, worker);
      throw error;
    }
  }

  get #seated(): string[] {
    const plan = this.#parts.plans.current;
    return this.workers.filter((worker) => seatOf(plan, worker) !== null);
  }

  async #cutOff(id: string): Promise<void> {
    const worker = this.#membership.roster.find(id);
    worker?.kill();
    await worker?.stop();
    this.#remove(id);
    this.memoryFolder.removeAllOf(id);
  }

  #remove(id: string): void {
    this.#membership.roster.remove(id);
    this.#membership.departures.remove(id);
  }

  #ask<T extends Report['type']>(
    workers: readonly string[],
    order: OrderFor,
    answer: T,
    timeoutMs = this.#stepTimeoutMs,
  ): Promise<Map<string, ReportOf<T>>> {
    return this.#parts.calls.ask(workers, order, answer, timeoutMs);
  }
}

/** The open port; where it cannot be opened, or the process exits meanwhile, no memory is left. */
async function portOf({ config, token }: CoordinatorOptions, parts: CoordinatorParts): Promise<Port> {
  const { memory, phase, membership } = parts;
  const onExit = (): void => memory.close();
  process.on('exit', onExit);
  try {
    return await openPort(config, {
      token,
      folder: memory.shared.path,
      onRefused: (peer, reason) => phase.dropped(peer, reason),
      onPeer: (peer, hello) => membership.gate.greet(peer, hello),
    });
  } catch (error) {
    memory.close();
    throw error;
  } finally {
    process.off('exit', onExit);
  }
}
