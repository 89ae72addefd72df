// Heartbeat: lets everybody who is connected show a sign of life now and then, and finds those that show none: a link
// that is cut closes no connection. Own workers are not given up by it, their processes say when they end.
import { LostWorker } from './lost-worker.js';
import type { WorkerLink } from './worker-link.js';

export interface HeartbeatOptions {
  /** Four beats take so long. */
  readonly seconds: number;
  /** A worker that joined may be silent for so many seconds. */
  readonly patienceWith: (worker: WorkerLink) => number;
  /** Everybody who is connected or about to be. */
  readonly links: () => readonly WorkerLink[];
  readonly onSilent: (worker: WorkerLink, error: LostWorker) => void;
}

export class Heartbeat {
  readonly #options: HeartbeatOptions;
  readonly #timer: NodeJS.Timeout;

  /** Beats from now on, and keeps no process alive. */
  constructor(options: HeartbeatOptions) {
    this.#options = options;
    this.#timer = setInterval(() => this.#beat(), (options.seconds * 1000) / 4).unref();
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  #beat(): void {
    const { links, patienceWith, onSilent } = this.#options;
    for (const worker of links()) {
      const seconds = patienceWith(worker);
      if (!worker.isOwn && worker.silentMs > seconds * 1000)
        onSilent(
          worker,
          new LostWorker(
            worker.id,
            `nothing was heard of worker ${worker.id} for ${seconds} s`,
            'Check the network and that host; raise --heartbeat-seconds where silences are that long.',
          ),
        );
      else worker.order({ type: 'ping' });
    }
  }
}
