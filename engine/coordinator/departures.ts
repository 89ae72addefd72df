// Departures: who wants to leave a run, who was told that it cannot, and who went without being missed. It lets nobody
// go; a worker that is missed is trouble.ts's business.
import type { MembershipNews } from './member.js';

export class Departures {
  readonly #leaving = new Set<string>();
  /** Leave requests that cannot be met: the last worker stays. */
  readonly #kept = new Set<string>();
  #gone: MembershipNews['gone'][number][] = [];

  get leaving(): ReadonlySet<string> {
    return this.#leaving;
  }

  get hasNews(): boolean {
    return this.#leaving.size > 0 || this.#gone.length > 0;
  }

  /** A worker wants to leave. One that was told that it cannot need not ask again. */
  wish(worker: string): void {
    if (!this.#kept.has(worker)) this.#leaving.add(worker);
  }

  /** These wishes cannot be met. */
  refuse(workers: readonly string[]): void {
    for (const worker of workers) {
      this.#leaving.delete(worker);
      this.#kept.add(worker);
    }
  }

  /** A worker is no longer there: it has left or was lost. */
  remove(worker: string): void {
    this.#leaving.delete(worker);
  }

  /** A worker without a seat was lost. */
  wentUnmissed(worker: string, reason: string): void {
    this.#leaving.delete(worker);
    this.#gone.push({ worker, reason });
  }

  /** Hands over those that went unmissed since the last call. */
  takeGone(): MembershipNews['gone'] {
    const gone = this.#gone;
    this.#gone = [];
    return gone;
  }
}
