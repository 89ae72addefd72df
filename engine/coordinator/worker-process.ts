// WorkerProcess: a worker that this process started: a child, its standard streams and its end. What it says comes over
// its connection (worker-link.ts).
import { type ChildProcess, spawn } from 'node:child_process';
import { isSamePass } from '../comm/handshake.js';
import type { Peer } from '../comm/peer.js';
import { Deferred } from '../core/deferred.js';
import { WorkerError } from '../core/errors.js';
import type { Invitation } from '../protocol/invitation.js';
import { workerEntry } from '../protocol/worker-entry.js';
import { LostWorker } from './lost-worker.js';
import { type LinkHandlers, STOP_GRACE_MS, WorkerLink } from './worker-link.js';

/** How much of a dead worker's standard error is shown. */
const STDERR_TAIL = 4000;

export class WorkerProcess extends WorkerLink {
  readonly isOwn = true;
  readonly #child: ChildProcess;
  readonly #exited: Promise<void>;
  readonly #arrival = new Deferred<void>();
  readonly #pass: string;
  #stderr = '';

  constructor(invitation: Invitation & { readonly worker: string; readonly pass: string }, handlers: LinkHandlers) {
    super(invitation.worker, handlers);
    this.#pass = invitation.pass;
    this.#child = spawn(process.execPath, [workerEntry()], { stdio: ['pipe', 'ignore', 'pipe'] });
    this.#child.stdin?.on('error', () => undefined); // a worker that dies early is reported by its exit
    this.#child.stdin?.write(`${JSON.stringify(invitation)}\n`);
    this.#child.stderr?.on('data', (chunk: Buffer) => {
      this.#stderr = (this.#stderr + chunk.toString()).slice(-STDERR_TAIL);
    });
    this.#exited = new Promise((resolve) => {
      this.#child.once('close', (code, signal) => {
        resolve();
        if (!this.isStopping) this.fail(this.#deathOf(code, signal));
      });
    });
    this.#child.once('error', (cause) =>
      this.fail(
        new WorkerError(
          'PT_WORKER_START',
          `worker ${this.id} could not be started: ${cause.message}`,
          'Check memory and process limits.',
          { cause },
        ),
      ),
    );
  }

  get pid(): number {
    return this.#child.pid ?? -1;
  }

  /** Resolves when the worker has come in through the port; never where it does not come. */
  get arrived(): Promise<void> {
    return this.#arrival.promise;
  }

  /** Whether this is the process: only it was told the pass, on its standard input. */
  isKnownBy(pass: unknown): boolean {
    return typeof pass === 'string' && isSamePass(pass, this.#pass);
  }

  override connect(peer: Peer): void {
    super.connect(peer);
    this.#arrival.resolve();
  }

  async stop(): Promise<void> {
    this.expectEnd();
    if (this.peer?.isOpen === true) this.order({ type: 'stop' });
    this.#child.stdin?.end();
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), STOP_GRACE_MS);
    if (this.#child.exitCode === null && this.#child.signalCode === null && this.#child.pid !== undefined)
      await this.#exited;
    clearTimeout(timer);
  }

  kill(): void {
    this.expectEnd();
    this.#child.kill('SIGKILL');
  }

  #deathOf(code: number | null, signal: NodeJS.Signals | null): LostWorker {
    const how = signal === null ? `exited with code ${code}` : `was killed by ${signal}`;
    const hint =
      signal === 'SIGKILL'
        ? 'If nobody killed it, the machine ran out of memory: use a smaller --micro-batch or fewer workers.'
        : 'See its last words below.';
    const error = new LostWorker(this.id, `worker ${this.id} (pid ${this.pid}) ${how}`, hint);
    if (this.#stderr.trim() !== '') error.message += `\n${this.#stderr.trim()}`;
    return error;
  }
}
