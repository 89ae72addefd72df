// GradientExchange: the training group of one stage. It keeps the gradient slots of this stage, reduces them with those of the other replicas
// in the order of the fixed tree (direct reduce-scatter), and shows where every reduced chunk lies. Host-local: peers read each other's
// mapped memory; doorbells travel on the caller's signals. It does not know what a gradient is for.
import { present } from '../core/invariant.js';
import { CHUNK, chunkSquares, combine, decompose, numChunks, shardChunks, slotCount, TreeAccumulator, type Subtotal } from '../comm/reduction.js';
import { holdersOf, type Holder, type Plan } from '../plan.js';
import { MappedFile } from '../tensor/mapped-file.js';
import type { VectorAdder } from '../tensor/vector-adder.js';
import { gradientsFile } from './memory-names.js';

const BYTES = Float32Array.BYTES_PER_ELEMENT;

/** Doorbells of the group: `G` my sums are there, `R` my shards are reduced. */
export interface ExchangeSignals {
  arrived(kind: 'G' | 'R', step: number, from: Holder): Promise<void>;
  ring(kind: 'G' | 'R', step: number, to: Holder): void;
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
  #file: MappedFile | null = null;

  constructor(plan: Plan, holder: Holder, lengths: readonly number[]) {
    this.holder = holder;
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
    this.#file = MappedFile.create(path, Math.max(1, (this.numSlots + 1) * this.stageLength) * BYTES);
  }

  open(path: string): void {
    this.#file = MappedFile.open(path);
  }

  slot(index: number): Float32Array {
    return present(this.#file, `gradients of ${this.holder.worker}`).float32(index * this.stageLength * BYTES, this.stageLength);
  }

  /** The reduced gradient of the chunks this member owns; the rest of it is never written. */
  reduced(block: number, from: number, to: number): Float32Array {
    const begin = (this.numSlots * this.stageLength + this.offset(block) + from) * BYTES;
    return present(this.#file, `gradients of ${this.holder.worker}`).float32(begin, to - from);
  }

  close(): void {
    this.#file?.close();
    this.#file = null;
  }

  unlink(): void {
    this.#file?.unlink();
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
    const { plan, of: own, lengths } = options;
    this.#me = new Member(plan, own, lengths);
    this.#members.set('own', this.#me);
    for (let block = this.#me.from; block < this.#me.to; block++) {
      const group = holdersOf(plan, block).map((holder) => {
        if (holder.replica === own.replica) return this.#me;
        const key = `${holder.worker} ${holder.stage}`;
        const member = this.#members.get(key) ?? new Member(plan, holder, lengths);
        this.#members.set(key, member);
        return member;
      });
      this.#groups.set(block, group);
    }
    this.#me.create(this.#fileOf(this.#me));
  }

  /** The other stages of the group, all of other workers. */
  get peers(): Holder[] {
    return [...this.#members.values()].filter((member) => member !== this.#me).map(({ holder }) => holder);
  }

  /** Maps the memory of the other members; to be called when all of them exist. */
  open(): void {
    const { plan } = this.#options;
    for (const member of this.#members.values()) {
      if (member !== this.#me) member.open(this.#fileOf(member));
      const nodes = decompose(member.start, member.count, plan.numMicroBatches);
      this.#sums.set(member, nodes.map((node, k) => ({ node, data: member.slot(k) })));
    }
    this.#accumulator = new TreeAccumulator(plan.numMicroBatches, this.#me.start, this.#me.count, (index) => this.#me.slot(index), this.#options.adder);
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
    for (const peer of this.peers) this.#options.signals.ring('G', step, peer);
  }

  /** Reduces the chunks that this stage owns, after `announce`; returns their sums of squares. */
  async reduce(step: number): Promise<ChunkSquares[]> {
    const { signals } = this.#options;
    for (const peer of this.peers) await signals.arrived('G', step, peer);
    const squares: ChunkSquares[] = [];
    for (const [block, group] of this.#groups) {
      const length = present(this.#options.lengths[block], `length of block ${block}`);
      const shard = shardOf(block, length, group, this.#me);
      if (shard.from === shard.to) continue;
      const sums = group.flatMap((member) =>
        present(this.#sums.get(member), 'sums').map(({ node, data }) => ({
          node,
          data: data.subarray(member.offset(block) + shard.from, member.offset(block) + shard.to),
        })),
      );
      const out = this.#me.reduced(block, shard.from, shard.to);
      combine(sums, this.#options.plan.numMicroBatches, 0, out.length, out, 0, this.#options.adder);
      squares.push({ block, fromChunk: shard.from / CHUNK, values: [...chunkSquares(out, 0, numChunks(out.length), this.#options.adder)] });
    }
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
      .map((member) => ({ member, ...shardOf(block, length, group, member) }))
      .filter(({ from, to }) => to > from)
      .sort((a, b) => a.from - b.from)
      .map(({ member, from, to }) => ({ from, to, data: member.reduced(block, from, to) }));
  }

  #fileOf({ holder }: Member): string {
    const { folder, plan } = this.#options;
    return gradientsFile(folder, holder.worker, plan.generation, holder.stage);
  }

  close(): void {
    this.#me.unlink();
    for (const member of this.#members.values()) member.close();
  }
}

/** Elements [from, to) of a block that a member reduces: contiguous runs of whole chunks, the first owner turning with the block for balance. */
function shardOf(block: number, length: number, group: readonly Member[], member: Member): { from: number; to: number } {
  const rank = (group.indexOf(member) + block) % group.length;
  const { from, to } = present(shardChunks(numChunks(length), group.length)[rank], 'shard');
  return { from: Math.min(from * CHUNK, length), to: Math.min(to * CHUNK, length) };
}
