// Roster: the workers that take part in a run, from the start of their process or their admission until they are gone,
// and what each has said of itself. It gives no orders and judges no failure.
import { present } from '../core/invariant.js';
import { colleaguesFor, type Introduction } from '../protocol/colleagues.js';
import type { Colleague, ReportOf } from '../protocol/messages.js';
import { JoinedWorker } from './joined-worker.js';
import type { Member } from './member.js';
import type { WorkerLink } from './worker-link.js';

/** What a worker has said of itself. */
type Introduced = Introduction & Pick<ReportOf<'ready'>, 'computeMs'>;

export class Roster {
  readonly #links = new Map<string, WorkerLink>();
  /** Of those that are ready. */
  readonly #introductions = new Map<string, Introduced>();
  #numNamed = 0;

  /** In the order in which they came. */
  get ids(): string[] {
    return [...this.#links.keys()];
  }

  get links(): WorkerLink[] {
    return [...this.#links.values()];
  }

  /** How a worker reaches those that are ready. Each is told something else: its own passes. */
  colleaguesOf(worker: string): Record<string, Colleague> {
    return colleaguesFor(worker, this.#introductions);
  }

  /** Those that this process started. */
  get numOwn(): number {
    return this.links.filter(({ isOwn }) => isOwn).length;
  }

  has(id: string): boolean {
    return this.#links.has(id);
  }

  find(id: string): WorkerLink | undefined {
    return this.#links.get(id);
  }

  /** Throws an InvariantError where the worker does not take part. */
  get(id: string): WorkerLink {
    return present(this.#links.get(id), `worker ${id}`);
  }

  /** The next name that no worker of this run has had. */
  nextName(): string {
    return `w${this.#numNamed++}`;
  }

  add(link: WorkerLink): void {
    this.#links.set(link.id, link);
  }

  /** A worker has loaded the run. */
  enlist(link: WorkerLink, ready: ReportOf<'ready'>): Member {
    link.takesPart();
    const { device, address, fingerprint, domain, secret, computeMs } = ready;
    this.#introductions.set(link.id, { address, fingerprint, domain, secret, computeMs });
    return {
      worker: link.id,
      pid: link.pid,
      device,
      ...(link instanceof JoinedWorker ? { origin: link.origin } : {}),
    };
  }

  /** Whether a worker has loaded the run. */
  isReady(id: string): boolean {
    return this.#introductions.has(id);
  }

  /** The shared memory that a worker keeps its tensors in; undefined where it is not ready. */
  domainOf(id: string): string | undefined {
    return this.#introductions.get(id)?.domain;
  }

  /** Null where a worker is as fast as those that measured. */
  computeMsOf(id: string): number | null {
    return this.#introductions.get(id)?.computeMs ?? null;
  }

  remove(id: string): void {
    this.#links.delete(id);
    this.#introductions.delete(id);
  }
}
