// WorkerProcess: a worker seen from the coordinator: the child process, its connection, and what it has reported but nobody has asked for yet.
// It knows when the worker is lost; what that means for the run is the coordinator's business.
import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Peer } from './comm/peer.js';
import type { Trust } from './comm/tls.js';
import { fromErrorRecord, WorkerError } from './core/errors.js';
import { present } from './core/invariant.js';
import { reportSchema, type Order, type Report, type ReportOf } from './messages.js';

/** How much of a dead worker's standard error is shown. */
const STDERR_TAIL = 4000;
/** A worker that is told to stop has this long before it is killed. */
const STOP_GRACE_MS = 5000;
/** A lost neighbour is often the first news of a death; the death itself, the better cause, follows within this time. */
const ROOT_CAUSE_GRACE_MS = 500;

export interface Invitation {
  readonly url: string;
  readonly token: string;
  readonly worker: string;
  /** Where the coordinator speaks TLS: which certificate is its own. */
  readonly trust?: Trust | undefined;
}

/** News of a worker that is gone. The run may survive it; anything else that fails does not come as this. */
export class LostWorker extends WorkerError {
  readonly worker: string;

  constructor(worker: string, message: string, hint: string) {
    super('PT_WORKER_LOST', message, hint);
    this.worker = worker;
  }
}

export class WorkerProcess {
  readonly id: string;
  readonly #child: ChildProcess;
  readonly #exited: Promise<void>;
  readonly #onFailure: (error: Error, worker: string) => void;
  readonly #onReport: (report: Report, worker: string) => void;
  #reports: Report[] = [];
  readonly #waiting = new Map<Report['type'], (report: Report) => void>();
  #stuck: NodeJS.Timeout | undefined;
  #pong: (() => void) | null = null;
  #peer: Peer | null = null;
  #stderr = '';
  #isStopping = false;

  constructor(invitation: Invitation, handlers: { onFailure: (error: Error, worker: string) => void; onReport: (report: Report, worker: string) => void }) {
    this.id = invitation.worker;
    this.#onFailure = handlers.onFailure;
    this.#onReport = handlers.onReport;
    this.#child = spawn(process.execPath, [workerEntry()], { stdio: ['pipe', 'ignore', 'pipe'] });
    this.#child.stdin?.on('error', () => undefined); // a worker that dies early is reported by its exit
    this.#child.stdin?.write(`${JSON.stringify(invitation)}\n`);
    this.#child.stderr?.on('data', (chunk: Buffer) => {
      this.#stderr = (this.#stderr + chunk.toString()).slice(-STDERR_TAIL);
    });
    this.#exited = new Promise((resolve) => {
      this.#child.once('close', (code, signal) => {
        resolve();
        if (!this.#isStopping) this.#fail(this.#deathOf(code, signal));
      });
    });
    this.#child.once('error', (cause) => this.#fail(new WorkerError('PT_WORKER_START', `worker ${this.id} could not be started: ${cause.message}`, 'Check memory and process limits.', { cause })));
  }

  get isConnected(): boolean {
    return this.#peer !== null;
  }

  get pid(): number {
    return this.#child.pid ?? -1;
  }

  /** Takes the connection that introduced itself with this worker's name. */
  connect(peer: Peer): void {
    this.#peer = peer;
    peer.onMessage((message) => {
      const report = reportSchema.safeParse(message);
      if (report.success) this.#receive(report.data);
      else this.#fail(new WorkerError('PT_PROTOCOL', `worker ${this.id} sent a report that cannot be read: ${report.error.message}`, 'All workers must run the same version.'));
    });
    peer.onError((error) => this.#fail(error));
    peer.onClose((reason) => {
      if (this.#isStopping) return;
      setTimeout(() => this.#fail(new LostWorker(this.id, `worker ${this.id} closed its connection: ${reason}`, 'See the events of the run for what came before.')), ROOT_CAUSE_GRACE_MS).unref();
    });
  }

  order(order: Order): void {
    this.#peer?.send(order);
  }

  /** The next report of a type. One caller per type at a time; the coordinator's failure handling ends waits that will never be answered. */
  next<T extends Report['type']>(type: T): Promise<ReportOf<T>> {
    const found = this.#reports.findIndex((report) => report.type === type);
    if (found >= 0) return Promise.resolve(this.#reports.splice(found, 1)[0] as ReportOf<T>);
    return new Promise((resolve) => {
      this.#waiting.set(type, (report) => resolve(report as ReportOf<T>));
    });
  }

  /** Asks the worker to stop; kills it where it does not within the grace time. */
  async stop(): Promise<void> {
    this.#isStopping = true;
    if (this.#peer?.isOpen === true) this.order({ type: 'stop' });
    this.#child.stdin?.end();
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), STOP_GRACE_MS);
    if (this.#child.exitCode === null && this.#child.signalCode === null && this.#child.pid !== undefined) await this.#exited;
    clearTimeout(timer);
  }

  /** Kills the worker now. */
  kill(): void {
    this.#isStopping = true;
    this.#child.kill('SIGKILL');
  }

  #receive(report: Report): void {
    this.#onReport(report, this.id);
    if (report.type === 'failed') {
      this.#fail(fromErrorRecord(report.error));
      return;
    }
    if (report.type === 'pong') {
      this.#pong?.();
      this.#pong = null;
      return;
    }
    if (report.type === 'stuck') {
      // A neighbour's death shows here first; its own exit is the root cause and is on its way.
      clearTimeout(this.#stuck);
      this.#stuck = setTimeout(() => this.#fail(new WorkerError('PT_WORKER_STUCK', `worker ${this.id} cannot go on: ${report.message}`, 'See the events of the run for what came before.')), ROOT_CAUSE_GRACE_MS).unref();
      return;
    }
    const waiting = this.#waiting.get(report.type);
    this.#waiting.delete(report.type);
    if (waiting === undefined) this.#reports.push(report);
    else waiting(report);
  }

  /** Calls `handler` at the next answer to a ping. */
  onPong(handler: () => void): void {
    this.#pong = handler;
  }

  /** Drops what was reported for work that is given up, and whoever waited for it. */
  forget(): void {
    this.#reports = [];
    this.#waiting.clear();
    clearTimeout(this.#stuck);
  }

  #fail(error: Error): void {
    if (!this.#isStopping) this.#onFailure(error, this.id);
  }

  #deathOf(code: number | null, signal: NodeJS.Signals | null): LostWorker {
    const how = signal === null ? `exited with code ${code}` : `was killed by ${signal}`;
    const hint = signal === 'SIGKILL' ? 'If nobody killed it, the machine ran out of memory: use a smaller --micro-batch or fewer workers.' : 'See its last words below.';
    const error = new LostWorker(this.id, `worker ${this.id} (pid ${this.pid}) ${how}`, hint);
    if (this.#stderr.trim() !== '') error.message += `\n${this.#stderr.trim()}`;
    return error;
  }
}

/** The compiled entry of a worker: beside this module; in dist/, where this module is a part of a bundle or is run from its source. */
function workerEntry(): string {
  const here = dirname(fileURLToPath(import.meta.url));
  const places = [here, join(here, '..', 'engine'), join(here, '..', 'dist', 'engine')].map((folder) => join(folder, 'worker-main.js'));
  return present(places.find(existsSync), 'worker-main.js; build dist/ first');
}
