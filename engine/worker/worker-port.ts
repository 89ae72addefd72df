// WorkerPort: the port of a worker and its way to the ports of others. It lets in who shows the pass that the
// coordinator made for its name of this worker's secret (protocol/colleagues.ts), and nobody else: the token of the run
// opens nothing here. It speaks TLS where the run does, with certificates that the workers make for themselves and know
// each other by. Workers that share memory meet at sockets that lie in it, where no stranger comes. What is said over a
// connection is not its business.
import { dial, dialLocally } from '../comm/dial.js';
import { isSamePass } from '../comm/handshake.js';
import { listen, type Listener, listenLocally } from '../comm/listen.js';
import { isOwnSocket, localSocketPath } from '../comm/local-socket.js';
import { makeOwnCertificate } from '../comm/own-certificate.js';
import type { Peer } from '../comm/peer.js';
import { fingerprintOf } from '../comm/tls.js';
import { WORKER_NAME } from '../core/plan.js';
import { DropCount } from '../events/dropped-peers.js';
import { newSecret, passOf } from '../protocol/colleagues.js';
import { reachable } from '../protocol/entrance.js';
import type { Colleague } from '../protocol/messages.js';

const DIAL_TIMEOUT_MS = 10_000;

/** Where a worker listens for others, and by what they know each other. */
export interface PortSettings {
  /** An address of this host, and a port (0 for a free one). */
  readonly host: string;
  readonly port: number;
  /** Address of the coordinator: `wss://` means that workers speak TLS among themselves too. */
  readonly url: string;
}

export interface WorkerPortOptions extends PortSettings {
  readonly worker: string;
  /** Where this worker keeps its tensors; whoever finds that folder, of the same user, may come by it. */
  readonly folder: string | null;
  /** Told of connections that were not let in or were cut: who, why, and how many there were. */
  readonly onDropped: (peer: string, reason: string) => void;
  /** Called for each connection that shows its pass; an error thrown here refuses it. */
  readonly onPeer: (peer: Peer) => void;
  /** Whether a worker of this name is no colleague any more, whatever pass it has. */
  readonly isGone: (worker: string) => boolean;
}

/** What the coordinator has to know of an open port. */
export interface OpenPort {
  readonly address: string;
  /** Of its certificate where it speaks TLS. */
  readonly fingerprint: string | null;
  /** Passes are made of it; for the coordinator alone. */
  readonly secret: string;
}

export class WorkerPort {
  readonly #options: WorkerPortOptions;
  readonly #drops = new DropCount();
  readonly #secret = newSecret();
  #listener: Listener | null = null;
  #local: Pick<Listener, 'close'> | null = null;

  constructor(options: WorkerPortOptions) {
    this.#options = options;
  }

  /** Starts to listen. Throws what listening throws. */
  async open(): Promise<OpenPort> {
    const { worker, folder, host, port, url, onPeer } = this.#options;
    const own = new URL(url).protocol === 'wss:' ? makeOwnCertificate() : null;
    const common = {
      admits: (name: string, pass: string): boolean => this.#admits(name, pass),
      name: worker,
      onPeer,
      onRefused: (peer: string, reason: string): void => this.note(peer, reason),
    };
    this.#listener = await listen({ host, port, ...(own === null ? {} : { tls: own }), ...common });
    const path = folder === null ? null : localSocketPath(folder, worker);
    if (path !== null) this.#local = await listenLocally(path, common);
    return {
      address: this.#listener.url,
      fingerprint: own === null ? null : fingerprintOf(own.cert),
      secret: this.#secret,
    };
  }

  /** Takes note of a connection that was cut; somebody who knocks a thousand times is not told of a thousand times. */
  note(peer: string, reason: string): void {
    if (this.#drops.isTold()) this.#options.onDropped(peer, reason);
  }

  /**
   * Connects to a colleague: where it keeps its tensors in the folder that this worker found itself, by the socket that
   * must be there then, else by its port. Throws what dialling throws.
   */
  dial(colleague: string, { address, fingerprint, pass }: Colleague, sharesMemory: boolean): Promise<Peer> {
    const { worker, folder, url } = this.#options;
    const path = sharesMemory && folder !== null ? localSocketPath(folder, colleague) : null;
    const options = { token: pass, hello: { name: worker }, timeoutMs: DIAL_TIMEOUT_MS };
    if (path !== null && isOwnSocket(path)) return dialLocally(path, options);
    // A worker that listens everywhere does not know by which address it is reached; it is on the host of the
    // coordinator.
    return dial(reachable(address, url), {
      ...options,
      ...(fingerprint === null ? {} : { trust: { fingerprint } }),
    });
  }

  /**
   * A colleague may come before this worker has been told of it, since everybody learns of a plan at another time: the
   * pass says that the coordinator has named it.
   */
  #admits(name: string, pass: string): boolean {
    const { worker, isGone } = this.#options;
    return WORKER_NAME.test(name) && name !== worker && isSamePass(pass, passOf(this.#secret, name)) && !isGone(name);
  }

  async close(): Promise<void> {
    await Promise.all([this.#listener?.close(), this.#local?.close()]);
  }
}
