// Neighbours: what workers tell each other directly: doorbells, and between hosts the tensors that the doorbells are
// about. It dials the workers it rings, and hears those that dial this one. On one host tensors lie in shared memory
// and only doorbells travel; which of the two it is follows from the domains of the workers. What a doorbell or a
// tensor means is not its business.
import { z } from 'zod';
import { FrameError, type Message } from '../comm/frame.js';
import { Inbox } from '../comm/inbox.js';
import type { Peer } from '../comm/peer.js';
import { RowLandings, ROWS, writeRowsTo } from '../comm/remote-rows.js';
import { Landings, WRITE, writeTo } from '../comm/remote-write.js';
import type { Rows, RowSet } from '../comm/row-set.js';
import { PipetrainError, WorkerError } from '../core/errors.js';
import { present } from '../core/invariant.js';
import { type BellTime, MAX_KEY, standingOf, timeOf } from '../protocol/bells.js';
import { HOME } from '../protocol/home.js';
import type { Colleague } from '../protocol/messages.js';
import { mapping, peerLost, unreachable } from './lost-neighbour.js';
import { type OpenPort, WorkerPort, type WorkerPortOptions } from './worker-port.js';

/** Looks in a row that may find nothing heard; four come in the time that a neighbour may be silent. */
const MAX_MISSED = 4;

const bellSchema = z.object({ type: z.literal('bell'), key: z.string().max(MAX_KEY) });

export interface NeighboursOptions extends Omit<WorkerPortOptions, 'onPeer' | 'isGone'> {
  /**
   * The connection to the coordinator, which writes and rings too where this worker is on another host; null where
   * there is none, and all that is needed lies in memory that the workers share.
   */
  readonly home: Peer | null;
}

export class Neighbours {
  readonly #worker: string;
  readonly #port: WorkerPort;
  readonly #home: Peer | null;
  readonly #inbox = new Inbox();
  readonly #landings = new Landings();
  readonly #rowLandings = new RowLandings();
  readonly #dialled = new Map<string, Peer>();
  /** Who has dialled this worker. */
  readonly #heard = new Map<string, Peer>();
  #colleagues: Readonly<Record<string, Colleague>> = {};
  /** Those that were colleagues once and are not any more. Names are never given twice, so none of them comes back. */
  readonly #gone = new Set<string>();
  /** Those that broke the rules since the last reset. */
  readonly #faulty = new Set<string>();
  /** What bells are about now. */
  #now: BellTime = { generation: null, step: null };
  /** Workers of the current plan that ring this one or are rung by it; the loss of any other is no news. */
  #needed = new Set<string>();
  /** How often in a row nothing had been heard of a connection when it was looked at. */
  readonly #missed = new WeakMap<Peer, number>();
  #lookedAt = 0;
  #onRequest: (message: Message, peer: Peer) => void = () => undefined;

  constructor(options: NeighboursOptions) {
    this.#worker = options.worker;
    this.#home = options.home;
    this.#port = new WorkerPort({
      ...options,
      onPeer: (peer) => this.#hear(peer),
      isGone: (worker) => this.#gone.has(worker),
    });
    this.#home?.route(WRITE, (message) => this.#landings.accept(HOME, message));
    this.#home?.route('bell', (message) => void this.#takeBell(HOME, message));
  }

  /** Starts to listen; returns how others reach this worker, and the secret that opens its port. */
  open(): Promise<OpenPort> {
    return this.#port.open();
  }

  /** Whom this worker waits for, or null where it waits for nobody. */
  get waitsFor(): string | null {
    return this.#inbox.waitsFor;
  }

  /** Sets what is done with messages that are neither doorbells nor tensors. */
  onRequest(handler: (message: Message, peer: Peer) => void): void {
    this.#onRequest = handler;
  }

  /**
   * Learns who is there. Connections to those that are not any more are given up: nothing else may ever close one over
   * a link that was cut. Nor are they let in again.
   */
  meet(colleagues: Readonly<Record<string, Colleague>>): void {
    for (const worker of Object.keys(this.#colleagues)) if (colleagues[worker] === undefined) this.#gone.add(worker);
    this.#colleagues = colleagues;
    for (const [worker, peer] of [...this.#dialled, ...this.#heard])
      if (colleagues[worker] === undefined) peer.close('it left the run');
  }

  /** From now on bells of this generation count, and of this step and the next; what was kept of others is dropped. */
  enter(generation: number, step: number | null = null): void {
    const now = { generation, step };
    this.#now = now;
    this.#inbox.forget((key) => {
      const bell = timeOf(key);
      return bell === null || bell.generation === null || standingOf(bell, now) !== 'counts';
    });
  }

  /** Whether tensors of that worker lie in memory that this one can map. */
  sharesMemory(worker: string): boolean {
    return worker === this.#worker || this.#colleague(worker).domain === this.#colleague(this.#worker).domain;
  }

  /** Connects to the workers that are to be rung, and that will ring back; from now on no others count. */
  async reach(workers: readonly string[]): Promise<void> {
    this.#needed = new Set(workers);
    await this.connect(workers);
  }

  /** As `reach`, for workers that count besides the others. Throws a LostNeighbour (PT_UNREACHABLE). */
  async connect(workers: readonly string[]): Promise<void> {
    for (const worker of workers) {
      // Two stages that follow on each other may be on one worker.
      if (worker === this.#worker) continue;
      this.#needed.add(worker);
      if (this.#dialled.has(worker)) continue;
      const peer = await this.#dial(worker).catch((error: unknown) => {
        throw error instanceof PipetrainError ? unreachable(this.#worker, worker, error) : error;
      });
      this.#listenTo(peer, worker);
      // One that was given up closes late, when another may have taken its place.
      peer.onClose((reason) => void (this.#dialled.get(worker) === peer && this.#lost(worker, reason)));
      this.#dialled.set(worker, peer);
    }
  }

  ring(worker: string, key: string): void {
    if (worker === this.#worker) this.#inbox.deliver(worker, key);
    else this.#peer(worker).send({ type: 'bell', key });
  }

  /** Waits for a bell that `worker` rings, which may be HOME; that of anybody else is no such bell. */
  wait(worker: string, key: string): Promise<void> {
    return this.#inbox.wait(worker, key);
  }

  /** Maps memory of a worker. Throws a LostNeighbour (PT_PEER_LOST) where it is not there. */
  mapping<T>(worker: string, map: () => T): T {
    return mapping(this.#worker, worker, map);
  }

  /** Writes into a place of a worker on another host, ahead of everything that is rung later. */
  write(worker: string, place: string, data: Float32Array, offset = 0): void {
    writeTo(this.#peer(worker), place, data, offset);
  }

  /** Opens a place of this worker to one writer, which may be HOME. */
  land(place: string, writer: string, data: Float32Array): void {
    this.#landings.open(place, writer, data);
  }

  /** As `write`, with rows, which take the place of those that were there. */
  writeRows(worker: string, place: string, rows: Rows): void {
    writeRowsTo(this.#peer(worker), place, rows);
  }

  /** Opens a row set of this worker to one writer. */
  landRows(place: string, writer: string, set: RowSet): void {
    this.#rowLandings.open(place, writer, set);
  }

  leave(place: string): void {
    this.#landings.close(place);
    this.#rowLandings.close(place);
  }

  /** Asks a worker that is connected, or HOME, for something that it will write and then ring for. */
  request(worker: string, message: Message): void {
    this.#peer(worker).send(message);
  }

  /**
   * Gives the neighbours on other hosts a sign of life, and gives up connections over which none came for `limitMs`: a
   * link that is cut between two workers closes nothing, and the coordinator, which hears both, knows nothing of it. To
   * be called four times in that time.
   */
  beat(limitMs: number): void {
    const now = performance.now();
    const since = now - this.#lookedAt;
    // Calls that waited while this worker computed come all at once, and before what the neighbours sent meanwhile is
    // read.
    if (since < limitMs / 8) return;
    this.#lookedAt = now;
    for (const worker of this.#needed) {
      if (this.sharesMemory(worker)) continue;
      this.#dialled.get(worker)?.send({ type: 'beat' });
      const heard = this.#heard.get(worker);
      if (heard === undefined) continue;
      const missed = heard.silentMs > since ? (this.#missed.get(heard) ?? 0) + 1 : 0;
      this.#missed.set(heard, missed);
      if (missed > MAX_MISSED) heard.close(`nothing was heard for ${limitMs / 1000} s`);
    }
  }

  /** Ends every wait, now and until `reset`, with an error that says that the work was given up. */
  abort(): void {
    this.#inbox.fail(
      new WorkerError('PT_ABORTED', `worker ${this.#worker} gave up what it was doing`, 'This is part of a recovery.'),
    );
  }

  /** Forgets doorbells, places and failures, before the work of a new generation. */
  reset(): void {
    this.#needed.clear();
    this.#faulty.clear();
    this.#landings.closeAll();
    this.#rowLandings.closeAll();
    this.#inbox.clear();
  }

  async close(): Promise<void> {
    this.#needed.clear();
    for (const peer of this.#dialled.values()) peer.close();
    await this.#port.close();
  }

  #hear(peer: Peer): void {
    if (this.#gone.has(peer.name))
      throw new WorkerError('PT_REFUSED', `worker ${peer.name} is no colleague any more`, 'Join the run anew.');
    // Whoever comes under a name that is here already is not who it says.
    if (this.#heard.get(peer.name)?.isOpen === true)
      throw new WorkerError(
        'PT_REFUSED',
        `worker ${peer.name} is connected already`,
        'Start workers through the command.',
      );
    this.#heard.set(peer.name, peer);
    this.#listenTo(peer, peer.name);
    // A worker whose socket closes cannot ring any more: whoever waits for it has to learn of it now.
    peer.onClose((reason) => {
      if (this.#heard.get(peer.name) !== peer) return;
      this.#heard.delete(peer.name);
      this.#lost(peer.name, reason);
    });
  }

  #listenTo(peer: Peer, worker: string): void {
    peer.onError(({ message }) => {
      this.#faulty.add(worker);
      this.#port.note(worker, message);
      peer.close(message);
    });
    peer.route(WRITE, (message) => this.#landings.accept(worker, message));
    peer.route(ROWS, (message) => this.#rowLandings.accept(worker, message));
    peer.route('beat', () => undefined);
    peer.onMessage((message) => {
      if (message.type === 'bell') this.#takeBell(worker, message);
      else this.#onRequest(message, peer);
    });
  }

  /** Throws a FrameError for a bell that nobody rings who follows the plan. */
  #takeBell(worker: string, message: Message): void {
    const bell = bellSchema.safeParse(message);
    const time = bell.success ? timeOf(bell.data.key) : null;
    if (!bell.success || time === null) throw new FrameError('a doorbell has no key that can be read');
    const { key } = bell.data;
    const standing = standingOf(time, this.#now);
    if (standing === 'wrong')
      throw new FrameError(
        `${worker || 'the coordinator'} rang "${key}" at generation ${this.#now.generation}, step ${this.#now.step}`,
      );
    if (standing === 'counts') this.#inbox.deliver(worker, key);
  }

  #lost(worker: string, reason: string): void {
    // Whichever way was cut, the next plan dials anew; the other side must not take that for a second one of the same
    // name.
    const dialled = this.#dialled.get(worker);
    this.#dialled.delete(worker);
    dialled?.close(reason);
    if (this.#needed.has(worker)) this.#inbox.fail(this.#lossOf(worker, reason));
  }

  #dial(worker: string): Promise<Peer> {
    return this.#port.dial(worker, this.#colleague(worker), this.sharesMemory(worker));
  }

  #peer(worker: string): Peer {
    const peer = worker === HOME ? this.#home : this.#dialled.get(worker);
    if (peer == null) throw this.#lossOf(worker, 'it was closed before');
    return peer;
  }

  #colleague(worker: string): Colleague {
    return present(this.#colleagues[worker], `address of ${worker}`);
  }

  #lossOf(worker: string, reason: string): WorkerError {
    return peerLost(this.#worker, worker, reason, this.#faulty.has(worker));
  }
}
