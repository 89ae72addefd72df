// JoinedWorker: a worker that somebody else started, on this host or another one, and that joined over the network. Its
// process cannot be killed from here: it is cut off instead, and whoever started it sees to the rest.
import type { Peer } from '../comm/peer.js';
import { type LinkHandlers, STOP_GRACE_MS, WorkerLink } from './worker-link.js';

/** What a joining worker says of itself; for listings only. */
export interface Origin {
  readonly name: string;
  readonly host: string;
  readonly pid: number;
  /** The address that its connection comes from, where there is one. */
  readonly address: string | null;
}

export class JoinedWorker extends WorkerLink {
  readonly isOwn = false;
  readonly origin: Origin;
  readonly #closed: Promise<void>;

  constructor(id: string, peer: Peer, origin: Origin, handlers: LinkHandlers) {
    super(id, handlers);
    this.origin = origin;
    this.#closed = new Promise((resolve) => peer.onClose(() => resolve()));
    this.connect(peer);
  }

  get pid(): number {
    return this.origin.pid;
  }

  async stop(): Promise<void> {
    this.expectEnd();
    if (this.peer?.isOpen === true) this.order({ type: 'stop' });
    const timer = setTimeout(() => this.peer?.close('told to stop'), STOP_GRACE_MS);
    await this.#closed;
    clearTimeout(timer);
  }

  kill(): void {
    this.expectEnd();
    this.peer?.close('given up by the coordinator');
  }
}
