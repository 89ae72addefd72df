// Neighbours: the doorbells between workers. It dials the workers it rings, and hears those that dial this one. A doorbell says that something
// lies ready in shared memory; it carries a key and nothing else.
import { z } from 'zod';
import { dial } from './comm/dial.js';
import { Inbox } from './comm/inbox.js';
import { listen, type Listener } from './comm/listen.js';
import type { Peer } from './comm/peer.js';
import { WorkerError } from './core/errors.js';
import { present } from './core/invariant.js';
import type { Colleague } from './messages.js';

const bellSchema = z.object({ type: z.literal('bell'), key: z.string().max(200) });

export interface NeighboursHost {
  readonly worker: string;
  readonly token: string;
  /** Where it listens. */
  readonly host: string;
  readonly port: number;
}

export class Neighbours {
  readonly #host: NeighboursHost;
  readonly #inbox = new Inbox();
  readonly #dialled = new Map<string, Peer>();
  /** Who has dialled this worker. */
  readonly #heard = new Map<string, Peer>();
  #listening: Listener | null = null;
  /** Workers of the current plan that ring this one or are rung by it; the loss of any other is no news. */
  #needed: ReadonlySet<string> = new Set();

  constructor(host: NeighboursHost) {
    this.#host = host;
  }

  /** Starts to listen; returns the address for the others. */
  async open(): Promise<string> {
    this.#listening = await listen({
      host: this.#host.host,
      port: this.#host.port,
      token: this.#host.token,
      onPeer: (peer) => {
        // Whoever comes under a name that is here already is not who it says.
        if (this.#heard.get(peer.name)?.isOpen === true) throw new WorkerError('PT_REFUSED', `worker ${peer.name} is connected already`, 'Start workers through the command.');
        this.#heard.set(peer.name, peer);
        peer.onMessage((message) => {
          const bell = bellSchema.safeParse(message);
          if (bell.success) this.#inbox.deliver(bell.data.key);
          else peer.close('not a doorbell');
        });
        // A worker whose socket closes cannot ring any more: whoever waits for it has to learn of it now.
        peer.onClose((reason) => {
          if (this.#heard.get(peer.name) !== peer) return;
          this.#heard.delete(peer.name);
          this.#lost(peer.name, reason);
        });
      },
    });
    return this.#listening.url;
  }

  /** Connects to the workers that are to be rung, and that will ring back. */
  async reach(colleagues: Readonly<Record<string, Colleague>>, workers: readonly string[]): Promise<void> {
    this.#needed = new Set(workers);
    for (const worker of workers) {
      // Two stages that follow on each other may be on one worker.
      if (worker === this.#host.worker || this.#dialled.has(worker)) continue;
      const peer = await dial(present(colleagues[worker], `address of ${worker}`).address, { token: this.#host.token, hello: { name: this.#host.worker }, timeoutMs: 10_000 });
      peer.onClose((reason) => this.#lost(worker, reason));
      this.#dialled.set(worker, peer);
    }
  }

  ring(worker: string, key: string): void {
    if (worker === this.#host.worker) return this.#inbox.deliver(key);
    const peer = this.#dialled.get(worker);
    if (peer === undefined) throw this.#peerLost(worker, 'it was closed before');
    peer.send({ type: 'bell', key });
  }

  wait(key: string): Promise<void> {
    return this.#inbox.wait(key);
  }

  /** Ends every wait, now and until `reset`, with an error that says that the work was given up. */
  abort(): void {
    this.#inbox.fail(new WorkerError('PT_ABORTED', `worker ${this.#host.worker} gave up what it was doing`, 'This is part of a recovery.'));
  }

  /** Forgets doorbells and failures, before the work of a new generation. */
  reset(): void {
    this.#needed = new Set();
    this.#inbox.clear();
  }

  async close(): Promise<void> {
    this.#needed = new Set();
    for (const peer of this.#dialled.values()) peer.close();
    await this.#listening?.close();
  }

  #lost(worker: string, reason: string): void {
    // Whichever way was cut, the next plan dials anew; the other side must not take that for a second one of the same name.
    const dialled = this.#dialled.get(worker);
    this.#dialled.delete(worker);
    dialled?.close(reason);
    if (this.#needed.has(worker))
      this.#inbox.fail(this.#peerLost(worker, reason));
  }

  #peerLost(worker: string, reason: string): WorkerError {
    return new WorkerError('PT_PEER_LOST', `worker ${this.#host.worker} lost its connection to worker ${worker}: ${reason}`, 'See what happened to that worker.');
  }
}
