// WorkerLink: a worker seen from the coordinator: its connection, and what it has reported but nobody has asked for
// yet. It knows when the worker is lost; what that means for the run is the coordinator's business, and how the process
// began and ends that of the classes below it.
import { FrameError, type Message } from '../comm/frame.js';
import type { Peer } from '../comm/peer.js';
import { WRITE } from '../comm/remote-write.js';
import { fromErrorRecord, messageOf } from '../core/errors.js';
import type { RunFacts } from '../protocol/expected-report.js';
import { type Order, type Report, type ReportOf, reportSchema } from '../protocol/messages.js';
import { OwedReports } from '../protocol/owed-reports.js';
import { WorkerStanding } from '../protocol/worker-state.js';
import { LostWorker, StuckWorker } from './lost-worker.js';

/** A worker that is told to stop has this long before it is cut off. */
export const STOP_GRACE_MS = 5000;
/**
 * A lost neighbour is often the first news of a death; the death itself, the better cause, follows within this time.
 */
const ROOT_CAUSE_GRACE_MS = 500;

export interface LinkHandlers {
  readonly onFailure: (error: Error, worker: string) => void;
  readonly onReport: (report: Report, worker: string) => void;
  /** A worker of another host brings a piece of the state of a block, or asks for a block. */
  readonly onState: (message: Message, worker: string, peer: Peer) => void;
  /** The worker broke the rules and was cut off; `onFailure` follows. */
  readonly onDropped: (worker: string, reason: string) => void;
  /** By which reports are checked; null before the run is read. */
  readonly facts: () => RunFacts | null;
}

export abstract class WorkerLink {
  readonly id: string;
  /** Whether this process started the worker; one that joined was started by somebody else, perhaps on another host. */
  abstract readonly isOwn: boolean;
  readonly #handlers: LinkHandlers;
  readonly #standing: WorkerStanding;
  readonly #owed: OwedReports;
  #reports: Report[] = [];
  readonly #waiting = new Map<Report['type'], (report: Report) => void>();
  #stuck: NodeJS.Timeout | undefined;
  #pong: ((waitsFor: string | null) => void) | null = null;
  #peer: Peer | null = null;
  readonly #since = performance.now();
  #isStopping = false;

  constructor(id: string, handlers: LinkHandlers) {
    this.id = id;
    this.#handlers = handlers;
    this.#standing = new WorkerStanding(id);
    this.#owed = new OwedReports(id, handlers.facts);
  }

  abstract get pid(): number;
  /** Asks the worker to stop, and makes sure that it is gone within the grace time. */
  abstract stop(): Promise<void>;
  /** Cuts the worker off now. */
  abstract kill(): void;

  /** Milliseconds since anything arrived from the worker. */
  get silentMs(): number {
    return this.#peer?.silentMs ?? performance.now() - this.#since;
  }

  get isConnected(): boolean {
    return this.#peer !== null;
  }

  protected get peer(): Peer | null {
    return this.#peer;
  }

  /** From now on its end is no failure. */
  protected expectEnd(): void {
    this.#isStopping = true;
  }

  protected get isStopping(): boolean {
    return this.#isStopping;
  }

  /** Takes the connection that introduced itself with this worker's name. */
  connect(peer: Peer): void {
    this.#peer = peer;
    for (const type of [WRITE, 'fetch'])
      peer.route(type, (message) => (this.#isStopping ? undefined : this.#handlers.onState(message, this.id, peer)));
    peer.onMessage((message) => {
      if (this.#isStopping) return;
      const report = reportSchema.safeParse(message);
      if (report.success) this.#take(report.data);
      else this.#drop(unreadable(report.error.issues[0]));
    });
    peer.onError((error) => (error instanceof FrameError ? this.#drop(error.message) : this.fail(error)));
    peer.onClose((reason) => {
      // All that the worker had sent is here.
      this.#standing.gone();
      if (this.#isStopping) return;
      setTimeout(
        () =>
          this.fail(
            new LostWorker(
              this.id,
              `worker ${this.id} closed its connection: ${reason}`,
              'See the events of the run for what came before.',
            ),
          ),
        ROOT_CAUSE_GRACE_MS,
      ).unref();
    });
  }

  /** It has loaded the run: from now on it may say as much as workers have to say. */
  takesPart(): void {
    this.#peer?.takesPart();
  }

  order(order: Order): void {
    // News of its end is on its way to whoever gives orders.
    if (this.#standing.state === 'lost') return;
    this.#standing.ordered(order);
    this.#owed.ordered(order);
    this.#peer?.send(order);
  }

  /**
   * The next report of a type. One caller per type at a time; the coordinator's failure handling ends waits that will
   * never be answered.
   */
  next<T extends Report['type']>(type: T): Promise<ReportOf<T>> {
    const found = this.#reports.findIndex((report) => report.type === type);
    if (found >= 0) return Promise.resolve(this.#reports.splice(found, 1)[0] as ReportOf<T>);
    return new Promise((resolve) => {
      this.#waiting.set(type, (report) => resolve(report as ReportOf<T>));
    });
  }

  /** Calls `handler` at the next answer to a ping, with the worker that this one waits for, or null. */
  onPong(handler: (waitsFor: string | null) => void): void {
    this.#pong = handler;
  }

  /** Drops what was reported for work that is given up, and whoever waited for it. */
  forget(): void {
    this.#reports = [];
    this.#waiting.clear();
    clearTimeout(this.#stuck);
    this.#stuck = undefined;
  }

  /** Somebody else found that it is lost. */
  giveUp(error: LostWorker): void {
    this.fail(error);
  }

  /** Takes a report that can be read, if this worker owes it, and as it owes it. */
  #take(report: Report): void {
    try {
      this.#standing.reported(report.type);
    } catch (error) {
      return this.#drop(messageOf(error));
    }
    // What was on its way when the work was given up counts for nothing, whatever it says.
    if (this.#standing.state === 'draining' && isAnswer(report)) return;
    const problem = this.#owed.problemOf(report);
    if (problem === null) this.#receive(report);
    else this.#drop(problem);
  }

  /** Cuts a worker off that breaks the rules. It is lost like any other; the run goes on without it. */
  #drop(reason: string): void {
    if (this.#isStopping) return;
    this.#handlers.onDropped(this.id, reason);
    this.#peer?.close(reason);
    this.fail(
      new LostWorker(
        this.id,
        `worker ${this.id} was dropped: ${reason}`,
        'All workers must run the same version of pipetrain.',
        true,
      ),
    );
  }

  protected fail(error: Error): void {
    if (!this.#isStopping) this.#handlers.onFailure(error, this.id);
  }

  #receive(report: Report): void {
    this.#handlers.onReport(report, this.id);
    switch (report.type) {
      case 'failed':
        return this.fail(fromErrorRecord(report.error));
      case 'pong':
        this.#pong?.(report.waitsFor ?? null);
        this.#pong = null;
        return;
      case 'leaving':
      case 'dropped':
        return;
      case 'stuck':
        // A neighbour's death shows here first; its own exit is the root cause and is on its way.
        this.#stuck ??= setTimeout(
          () => this.fail(new StuckWorker(this.id, report.message, report.about)),
          ROOT_CAUSE_GRACE_MS,
        ).unref();
        return;
      case 'cache-off':
        return;
      default: {
        const waiting = this.#waiting.get(report.type);
        this.#waiting.delete(report.type);
        if (waiting === undefined) this.#reports.push(report);
        else waiting(report);
      }
    }
  }
}

/** What an order is answered by, but for the one that ends the draining. */
const isAnswer = ({ type }: Report): boolean =>
  !['aborted', 'pong', 'stuck', 'failed', 'leaving', 'dropped'].includes(type);

/** The first thing that is wrong with a report; a list of all would be as long as what was sent. */
const unreadable = (issue: { readonly path: readonly PropertyKey[]; readonly message: string } | undefined): string =>
  `it sent a report that cannot be read: ${issue?.path.slice(0, 6).join('.')}: ${issue?.message.slice(0, 200)}`;
