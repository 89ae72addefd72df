// GradientExchange: the training group of one stage. It keeps the gradient slots of this stage, reduces them with those
// of the other replicas in the order of the fixed tree (direct reduce-scatter), and shows where every reduced chunk
// lies. On one host the members read each other's mapped memory; of a member on another host there is a mirror here,
// into which it sends what is read. Doorbells travel on the caller's signals. It does not know what a gradient is for.
import {
  CHUNK,
  chunkSquares,
  combine,
  decompose,
  numChunks,
  slotCount,
  type Subtotal,
  TreeAccumulator,
} from '../comm/reduction.js';
import { present } from '../core/invariant.js';
import { type Holder, holdersOf, type Plan } from '../core/plan.js';
import { MappedFile } from '../tensor/mapped-file.js';
import type { VectorAdder } from '../tensor/vector-adder.js';
import { gradientsFile } from './memory-names.js';
import { shardOf } from './shards.js';

const BYTES = Float32Array.BYTES_PER_ELEMENT;

/** Doorbells of the group: `G` my sums are there, `R` my shards are reduced. */
export interface ExchangeSignals {
  arrived(kind: 'G' | 'R', step: number, from: Holder): Promise<void>;
  ring(kind: 'G' | 'R', step: number, to: Holder): void;
}

/** Members on other hosts, as far as an exchange needs them. */
export interface RemoteMembers {
  sharesMemory(worker: string): boolean;
  /** Maps memory of a worker; whoever is told of a failure is told of whom, too. */
  mapping<T>(worker: string, map: () => T): T;
  /** Lets `worker` write into `mirror`. */
  land(place: string, worker: string, mirror: Float32Array): void;
  leave(place: string): void;
  /** Writes into the mirror that `worker` has landed, ahead of everything that is rung later. */
  write(worker: string, place: string, data: Float32Array, offset: number): void;
}

export interface ExchangeOptions {
  readonly folder: string;
  readonly plan: Plan;
  /** The stage whose gradients these are. */
  readonly of: Holder;
  /** Slab length of every block of the model. */
  readonly lengths: readonly number[];
  readonly signals: ExchangeSignals;
  readonly adder: VectorAdder;
  readonly remote: RemoteMembers;
}

/** Sums of squares of the chunks of a block from `fromChunk` on. */
export interface ChunkSquares {
  readonly block: number;
  readonly fromChunk: number;
  readonly values: number[];
}

/** Elements [from, to) of a block's reduced gradient, and where they lie. */
export interface ReducedShard {
  readonly from: number;
  readonly to: number;
  readonly data: Float32Array;
}

/** Where one member of the group, a stage of some replica, keeps its sums: everything follows from the plan. */
class Member {
  readonly holder: Holder;
  /** Blocks [from, to). */
  readonly from: number;
  readonly to: number;
  readonly start: number;
  readonly count: number;
  readonly #lengths: readonly number[];
  readonly stageLength: number;
  readonly numSlots: number;
  /** Whether its memory is on another host: then this is a mirror of what it has sent. */
  readonly isRemote: boolean;
  #file: MappedFile | null = null;
  #memory: Float32Array | null = null;

  constructor(plan: Plan, holder: Holder, lengths: readonly number[], isRemote: boolean) {
    this.holder = holder;
    this.isRemote = isRemote;
    const { start, count, stages } = present(plan.replicas[holder.replica], `replica ${holder.replica}`);
    const { from, to } = present(stages[holder.stage], `stage ${holder.stage}`);
    this.from = from;
    this.to = to;
    this.start = start;
    this.count = count;
    this.#lengths = lengths;
    this.stageLength = this.offset(to);
    this.numSlots = slotCount(start, count, plan.numMicroBatches);
  }

  /** Elements from the start of the stage's gradient to a block's slab. */
  offset(block: number): number {
    let offset = 0;
    for (let b = this.from; b < block; b++) offset += present(this.#lengths[b], `length of block ${b}`);
    return offset;
  }

  create(path: string): void {
    // A stage without parameters has nothing to reduce, but a file cannot be empty.
    this.#file = MappedFile.create(path, Math.max(1, this.#length) * BYTES);
    this.#memory = this.#file.float32(0, this.#length);
  }

  open(path: string): void {
    this.#file = MappedFile.open(path, this.#length * BYTES);
    this.#memory = this.#file.float32(0, this.#length);
  }

  /** Memory like that of the member, of which only what it sends is ever touched. */
  mirror(): Float32Array {
    return (this.#memory = new Float32Array(this.#length));
  }

  slot(index: number): Float32Array {
    return this.range(index * this.stageLength, this.stageLength);
  }

  /** Where in the memory the reduced gradient of elements `from`... of a block lies. */
  reducedAt(block: number, from: number): number {
    return this.numSlots * this.stageLength + this.offset(block) + from;
  }

  /** The reduced gradient of the chunks this member owns; the rest of it is never written. */
  reduced(block: number, from: number, to: number): Float32Array {
    return this.range(this.reducedAt(block, from), to - from);
  }

  range(from: number, length: number): Float32Array {
    return present(this.#memory, `gradients of ${this.holder.worker}`).subarray(from, from + length);
  }

  close(): void {
    this.#file?.close();
    this.#file = null;
    this.#memory = null;
  }

  unlink(): void {
    this.#file?.unlink();
  }

  /** The sums, slot by slot, and the reduced gradient. */
  get #length(): number {
    return (this.numSlots + 1) * this.stageLength;
  }
}

export class GradientExchange {
  readonly #options: ExchangeOptions;
  readonly #me: Member;
  readonly #members = new Map<string, Member>();
  /** Members in replica order, by block. */
  readonly #groups = new Map<number, readonly Member[]>();
  /** A member's sums after its backwards: slot k holds node k of its range. */
  readonly #sums = new Map<Member, readonly Subtotal[]>();
  #accumulator: TreeAccumulator | null = null;

  constructor(options: ExchangeOptions) {
    this.#options = options;
    const { plan, of: own, lengths, remote } = options;
    this.#me = new Member(plan, own, lengths, false);
    this.#members.set('own', this.#me);
    for (let block = this.#me.from; block < this.#me.to; block++) {
      const group = holdersOf(plan, block).map((holder) => {
        if (holder.replica === own.replica) return this.#me;
        const key = `${holder.worker} ${holder.stage}`;
        const member = this.#members.get(key) ?? new Member(plan, holder, lengths, !remote.sharesMemory(holder.worker));
        this.#members.set(key, member);
        return member;
      });
      this.#groups.set(block, group);
    }
    this.#me.create(this.#fileOf(this.#me));
    for (const member of this.#remote)
      remote.land(this.#mirrorOf(member.holder, own), member.holder.worker, member.mirror());
  }

  /** The other stages of the group, all of other workers. */
  get peers(): Holder[] {
    return [...this.#members.values()].filter((member) => member !== this.#me).map(({ holder }) => holder);
  }

  /** Maps the memory of the other members; to be called when all of them exist. */
  open(): void {
    const { plan } = this.#options;
    for (const member of this.#members.values()) {
      if (member !== this.#me && !member.isRemote)
        this.#options.remote.mapping(member.holder.worker, () => member.open(this.#fileOf(member)));
      const nodes = decompose(member.start, member.count, plan.numMicroBatches);
      this.#sums.set(
        member,
        nodes.map((node, k) => ({ node, data: member.slot(k) })),
      );
    }
    this.#accumulator = new TreeAccumulator(
      plan.numMicroBatches,
      this.#me.start,
      this.#me.count,
      (index) => this.#me.slot(index),
      this.#options.adder,
    );
  }

  /** Elements from the start of this stage's gradient to the slab of a block. */
  offset(block: number): number {
    return this.#me.offset(block);
  }

  /** Where the gradients of a step's micro-batches are summed. */
  beginStep(): TreeAccumulator {
    const accumulator = present(this.#accumulator, 'accumulator');
    accumulator.reset();
    return accumulator;
  }

  /** Tells the group that the sums of this stage are there. */
  announce(step: number): void {
    for (const peer of this.#remote)
      for (const { block, from, to } of this.#sharesOf(peer))
        for (const [slot] of present(this.#sums.get(this.#me), 'sums').entries())
          this.#send(peer, slot * this.#me.stageLength + this.#me.offset(block) + from, to - from);
    for (const peer of this.peers) this.#options.signals.ring('G', step, peer);
  }

  /** Reduces the chunks that this stage owns, after `announce`; returns their sums of squares. */
  async reduce(step: number): Promise<ChunkSquares[]> {
    const { signals } = this.#options;
    for (const peer of this.peers) await signals.arrived('G', step, peer);
    const squares: ChunkSquares[] = [];
    for (const [block, group] of this.#groups) {
      const length = present(this.#options.lengths[block], `length of block ${block}`);
      const shard = shardOf(block, length, group.indexOf(this.#me), group.length);
      if (shard.from === shard.to) continue;
      const sums = group.flatMap((member) =>
        present(this.#sums.get(member), 'sums').map(({ node, data }) => ({
          node,
          data: data.subarray(member.offset(block) + shard.from, member.offset(block) + shard.to),
        })),
      );
      const out = this.#me.reduced(block, shard.from, shard.to);
      combine(sums, this.#options.plan.numMicroBatches, { from: 0, to: out.length }, out, 0, this.#options.adder);
      squares.push({
        block,
        fromChunk: shard.from / CHUNK,
        values: [...chunkSquares(out, 0, numChunks(out.length), this.#options.adder)],
      });
    }
    for (const peer of this.#remote)
      for (const { block, from, to } of this.#sharesOf(this.#me))
        if (this.#groups.get(block)?.includes(peer) === true)
          this.#send(peer, this.#me.reducedAt(block, from), to - from);
    for (const peer of this.peers) signals.ring('R', step, peer);
    return squares;
  }

  /** Waits until every member has reduced its shards and has read this worker's sums. */
  async settled(step: number): Promise<void> {
    for (const peer of this.peers) await this.#options.signals.arrived('R', step, peer);
  }

  /** The reduced gradient of a block, shard by shard, in order. */
  shards(block: number): ReducedShard[] {
    const group = present(this.#groups.get(block), `group of block ${block}`);
    const length = present(this.#options.lengths[block], `length of block ${block}`);
    return group
      .map((member, replica) => ({ member, ...shardOf(block, length, replica, group.length) }))
      .filter(({ from, to }) => to > from)
      .sort((a, b) => a.from - b.from)
      .map(({ member, from, to }) => ({ from, to, data: member.reduced(block, from, to) }));
  }

  get #remote(): Member[] {
    return [...this.#members.values()].filter(({ isRemote }) => isRemote);
  }

  /** What a member reduces of the blocks of this stage. */
  #sharesOf(member: Member): { readonly block: number; readonly from: number; readonly to: number }[] {
    return [...this.#groups]
      .filter(([, group]) => group.includes(member))
      .map(([block, group]) => ({
        block,
        ...shardOf(block, present(this.#options.lengths[block], 'length'), group.indexOf(member), group.length),
      }));
  }

  /** Sends elements of this member's memory to the mirror of it at a peer. */
  #send({ holder }: Member, from: number, length: number): void {
    this.#options.remote.write(
      holder.worker,
      this.#mirrorOf(this.#me.holder, holder),
      this.#me.range(from, length),
      from,
    );
  }

  /** The name of the mirror of a member at another one. */
  #mirrorOf(of: Holder, at: Holder): string {
    return `gradients ${this.#options.plan.generation} ${of.worker} ${of.stage} ${at.stage}`;
  }

  #fileOf({ holder }: Member): string {
    const { folder, plan } = this.#options;
    return gradientsFile(folder, holder.worker, plan.generation, holder.stage);
  }

  close(): void {
    this.#me.unlink();
    for (const { holder } of this.#remote) this.#options.remote.leave(this.#mirrorOf(holder, this.#me.holder));
    for (const member of this.#members.values()) member.close();
  }
}
