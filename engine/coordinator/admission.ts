// Admission: workers that come to a run from outside, from the knock to the moment they are ready. None of them takes
// part before the coordinator takes it, so nothing that goes wrong with one harms the run.
import { z } from 'zod';
import type { Hello } from '../comm/handshake.js';
import type { Peer } from '../comm/peer.js';
import type { PipetrainError } from '../core/errors.js';
import { harmlessLine } from '../core/harmless-text.js';
import type { Order, Report, ReportOf } from '../protocol/messages.js';
import { JoinedWorker } from './joined-worker.js';
import { LostWorker } from './lost-worker.js';
import { WaitingRoom } from './waiting-room.js';
import type { LinkHandlers, WorkerLink } from './worker-link.js';

/** A worker that joins has this long to load model and data. */
const READY_TIMEOUT_MS = 300_000;
/** While it does it may be silent for so many times as long as one that takes part: loading is one long computation. */
const LOADING_PATIENCE = 3;

/** How a worker that joins introduces itself. Shown to people, never used as a name of anything. */
const joinHelloSchema = z.object({
  name: z.string().max(128).transform(harmlessLine),
  host: z.string().max(256).transform(harmlessLine),
  pid: z.number().int().nonnegative(),
});

export interface Candidate {
  readonly worker: JoinedWorker;
  readonly ready: ReportOf<'ready'>;
}

export interface AdmissionOptions {
  readonly heartbeatSeconds: number;
  /** The next free name of a worker. */
  readonly nextName: () => string;
  /** Workers that take part. */
  readonly numMembers: () => number;
  /** What the run is, for whoever joins. Throws a WorkerError (PT_RUN_STARTS) where it is still being read. */
  readonly setup: () => Order;
  /** What a worker reports and how it fails once it is taken. */
  readonly handlers: LinkHandlers;
  /** Called where a worker cannot take part, with the reason. */
  readonly onRefused: (name: string, reason: string) => void;
}

export class Admission {
  readonly #options: AdmissionOptions;
  readonly #loading = new Map<string, JoinedWorker>();
  readonly #ready = new Map<string, Candidate>();
  readonly #room = new WaitingRoom();

  constructor(options: AdmissionOptions) {
    this.#options = options;
  }

  /** Workers that could take part from the next step boundary on. */
  get numReady(): number {
    return this.#ready.size;
  }

  /** Those that load, and those that are ready. */
  get waiting(): JoinedWorker[] {
    return [...this.#loading.values(), ...[...this.#ready.values()].map(({ worker }) => worker)];
  }

  /** Seconds that a worker may be silent. */
  patienceWith({ id }: WorkerLink): number {
    return this.#options.heartbeatSeconds * (this.#loading.has(id) ? LOADING_PATIENCE : 1);
  }

  /** A worker was cut off for what it did: whoever it is does not come again. */
  bar(link: WorkerLink): void {
    if (link instanceof JoinedWorker) this.#room.bar(link.origin, true);
  }

  /**
   * Takes a connection that wants to join: names the worker and lets it load the run. Throws where nobody may join yet,
   * where the greeting says too little, and a WorkerError where there is no place for it (PT_RUN_FULL, PT_BARRED).
   */
  arrive(peer: Peer, hello: Hello): void {
    const setup = this.#options.setup();
    const origin = { address: peer.remoteAddress, ...joinHelloSchema.parse(hello) };
    this.#room.admit(
      origin,
      this.waiting.map((worker) => worker.origin),
      this.#options.numMembers(),
    );
    const id = this.#options.nextName();
    const worker = new JoinedWorker(id, peer, origin, {
      onFailure: (error) => this.#fail(worker, error),
      onReport: (report) => this.#note(worker, report),
      onState: this.#options.handlers.onState,
      onDropped: this.#options.handlers.onDropped,
      facts: this.#options.handlers.facts,
    });
    this.#loading.set(id, worker);
    peer.send({ type: 'assigned', worker: id, heartbeatSeconds: this.#options.heartbeatSeconds });
    worker.order(setup);
    const timer = setTimeout(
      () => this.#fail(worker, new Error(`it was not ready within ${READY_TIMEOUT_MS / 1000} s`)),
      READY_TIMEOUT_MS,
    );
    timer.unref();
    void worker.next('ready').then((ready) => {
      clearTimeout(timer);
      if (this.#loading.delete(id)) this.#ready.set(id, { worker, ready });
    });
  }

  /** Hands over those that are ready. */
  take(): Candidate[] {
    const ready = [...this.#ready.values()];
    this.#ready.clear();
    return ready;
  }

  async close(): Promise<void> {
    await Promise.all(this.waiting.map((worker) => worker.stop()));
  }

  #note(worker: JoinedWorker, report: Report): void {
    if (!this.#isWaiting(worker)) this.#options.handlers.onReport(report, worker.id);
    else if (report.type === 'leaving') {
      this.#forget(worker);
      void worker.stop();
    }
  }

  #fail(worker: JoinedWorker, error: Error | PipetrainError): void {
    if (!this.#isWaiting(worker)) return this.#options.handlers.onFailure(error, worker.id);
    this.#forget(worker);
    if (error instanceof LostWorker && error.isFault) this.#room.bar(worker.origin, false);
    worker.kill();
    this.#options.onRefused(`${worker.id} (${worker.origin.name} on ${worker.origin.host})`, error.message);
  }

  #isWaiting(worker: JoinedWorker): boolean {
    return this.#loading.has(worker.id) || this.#ready.has(worker.id);
  }

  #forget(worker: JoinedWorker): void {
    this.#loading.delete(worker.id);
    this.#ready.delete(worker.id);
  }
}
