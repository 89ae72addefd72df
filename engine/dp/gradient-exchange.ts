// GradientExchange: the training group of one stage. It keeps the gradient slots of this stage, reduces them with those
// of the other replicas in the order of the fixed tree (direct reduce-scatter), and shows where every reduced chunk
// lies. Of a row table (row-table.ts) there are the rows that have a gradient and no others. On one host the members
// read each other's mapped memory; of a member on another host there is a mirror here, into which it sends what is
// read. Sums in the memory of a device are brought to that of the host for the other members, and what was reduced is
// brought back. Doorbells travel on the caller's signals. It does not know what a gradient is for.
import { CHUNK, combine, decompose, type Range, TreeAccumulator } from '../comm/reduction.js';
import type { RowSet } from '../comm/row-set.js';
import { RowAdder } from '../comm/row-sums.js';
import type { TreeNode } from '../comm/tree.js';
import { invariant, present } from '../core/invariant.js';
import { type Holder, holdersOf, type Plan } from '../core/plan.js';
import type { DenseRun, GradientLayout } from '../model/gradient-layout.js';
import type { RowTable } from '../model/row-table.js';
import type { SharedParameter } from '../model/shared-parameters.js';
import type { DeviceBuffer, Vector } from '../tensor/device-memory.js';
import type { ResidentExecutor } from '../tensor/executor.js';
import type { VectorAdder } from '../tensor/vector-adder.js';
import { GroupMember, type TableRows } from './group-member.js';
import { MemberMirrors, overlap, type RemoteMembers, rowsIn } from './member-mirrors.js';
import { gradientsFile } from './memory-names.js';
import { ResidentSums } from './resident-sums.js';
import { shardOf } from './shards.js';
import { SharedGradients, type SharedSignals } from './shared-gradients.js';
import { SlabSquares } from './slab-squares.js';

/** Doorbells of the group: `G` my sums are there, `R` my shards are reduced. */
export interface ExchangeSignals extends SharedSignals {
  arrived(kind: 'G' | 'R' | 'S', step: number, from: Holder): Promise<void>;
  ring(kind: 'G' | 'R' | 'S', step: number, to: Holder): void;
}

export interface ExchangeOptions {
  readonly folder: string;
  readonly plan: Plan;
  /** The stage whose gradients these are. */
  readonly of: Holder;
  /** How the gradient of a block of the model is laid out; asked for the blocks of this stage and of its peers. */
  readonly layoutOf: (block: number) => GradientLayout;
  readonly signals: ExchangeSignals;
  readonly adder: VectorAdder;
  readonly remote: RemoteMembers;
  /** Those of the model. */
  readonly shared: readonly SharedParameter[];
  /** Has the sums in its memory; absent where they lie in that of the host. There are no row tables then. */
  readonly device?: ResidentExecutor | null;
}

/** Sums of squares of the chunks of a block from `fromChunk` on. */
export interface ChunkSquares {
  readonly block: number;
  readonly fromChunk: number;
  readonly values: number[];
}

/**
 * Elements [from, to) of a block's reduced gradient, and where they lie: all of them in `data`, or those of a row
 * table in its rows, which may begin before `from` and end behind `to`. `of` is the block whose learning rate counts;
 * default: that block.
 */
export type ReducedShard = Range & ({ readonly data: Vector; readonly of?: number } | TableRows);

/** The sum of a step in one slot of this stage. */
export interface SlotSums {
  readonly dense: Vector;
  readonly tables: readonly TableRows[];
  /** Makes a table the sum of rows of values by index. */
  takeRows(table: RowTable, indices: Int32Array, values: Float32Array): void;
}

export class GradientExchange {
  readonly #options: ExchangeOptions;
  readonly #me: GroupMember;
  readonly #members = new Map<string, GroupMember>();
  /** Members in replica order, by block. */
  readonly #groups = new Map<number, readonly GroupMember[]>();
  /** The nodes of a member's range after its backwards: node k is in slot k. */
  readonly #nodes = new Map<GroupMember, readonly TreeNode[]>();
  readonly #rowAdder: RowAdder;
  readonly #squares: SlabSquares;
  /** Null where the sums lie in the memory of the host. */
  readonly #resident: ResidentSums | null;
  readonly #shared: SharedGradients;
  readonly #mirrors: MemberMirrors;
  #accumulator: TreeAccumulator<SlotSums> | null = null;

  constructor(options: ExchangeOptions) {
    this.#options = options;
    const { plan, of: own, layoutOf, remote, adder } = options;
    this.#rowAdder = new RowAdder(adder);
    this.#squares = new SlabSquares(adder);
    this.#me = new GroupMember(plan, own, layoutOf, false);
    this.#members.set('own', this.#me);
    for (let block = this.#me.from; block < this.#me.to; block++) {
      const group = holdersOf(plan, block).map((holder) => {
        if (holder.replica === own.replica) return this.#me;
        const key = `${holder.worker} ${holder.stage}`;
        const member =
          this.#members.get(key) ?? new GroupMember(plan, holder, layoutOf, !remote.sharesMemory(holder.worker));
        this.#members.set(key, member);
        return member;
      });
      this.#groups.set(block, group);
    }
    this.#resident = this.#openResident(options);
    this.#mirrors = new MemberMirrors({ generation: plan.generation, me: this.#me, layoutOf, remote });
    this.#shared = new SharedGradients({
      ...options,
      me: this.#me,
      parameters: options.shared,
      fileOf: (holder) => this.#fileOf(holder),
      memory: options.device?.memory ?? null,
    });
    if (this.#resident === null || this.peers.length > 0 || !this.#shared.isEmpty)
      this.#me.create(this.#fileOf(this.#me.holder));
    for (const member of this.#remote) this.#mirrors.land(member);
  }

  /** The workers whom this stage rings, and those that ring it. */
  get contacts(): string[] {
    return [...this.peers.map(({ worker }) => worker), ...this.#shared.contacts];
  }

  /** The other stages of the group, all of other workers. */
  get peers(): Holder[] {
    return [...this.#members.values()].filter((member) => member !== this.#me).map(({ holder }) => holder);
  }

  /** Maps the memory of the other members; to be called when all of them exist. */
  open(): void {
    const { plan, adder } = this.#options;
    for (const member of this.#members.values()) {
      if (member !== this.#me && !member.isRemote)
        this.#options.remote.mapping(member.holder.worker, () => member.open(this.#fileOf(member.holder)));
      this.#nodes.set(member, decompose(member.start, member.count, plan.numMicroBatches));
    }
    this.#shared.open();
    this.#accumulator = new TreeAccumulator<SlotSums>(
      plan.numMicroBatches,
      this.#me.start,
      this.#me.count,
      (index) => this.#slot(index),
      (left, right) => {
        if (this.#resident !== null) {
          this.#resident.addInto(left.dense as DeviceBuffer, right.dense as DeviceBuffer);
          return;
        }
        const [sum, more] = [left.dense as Float32Array, right.dense as Float32Array];
        adder.add(sum, sum, more);
        left.tables.forEach(({ rows }, i) =>
          this.#rowAdder.addInto(rows, present(right.tables[i], 'the same table').rows.all),
        );
      },
    );
  }

  /** Elements from the start of this stage's gradient, without row tables, to that of a block. */
  offset(block: number): number {
    return (this.#resident ?? this.#me).offset(block);
  }

  /** Where the gradients of a step's micro-batches are summed. */
  beginStep(): TreeAccumulator<SlotSums> {
    const accumulator = present(this.#accumulator, 'accumulator');
    accumulator.reset();
    return accumulator;
  }

  /** Tells the group that the sums of this stage are there. */
  announce(step: number): void {
    if (this.#resident !== null && this.peers.length > 0) this.#bringSums(this.#resident);
    for (const peer of this.#remote)
      for (const [block, group] of this.#groups)
        if (group.includes(peer))
          for (const [slot] of this.#nodesOf(this.#me).entries())
            this.#mirrors.send(peer, slot, block, this.#shardOf(block, peer));
    for (const peer of this.peers) this.#options.signals.ring('G', step, peer);
  }

  /**
   * Reduces the chunks that this stage owns, after `announce`; returns their sums of squares, but for those of blocks
   * with shared parameters.
   */
  async reduce(step: number): Promise<ChunkSquares[]> {
    const { signals } = this.#options;
    for (const peer of this.peers) await signals.arrived('G', step, peer);
    const squares: ChunkSquares[] = [];
    for (const [block, group] of this.#groups) {
      const shard = this.#shardOf(block, this.#me);
      if (shard.from === shard.to) continue;
      const values =
        this.#resident !== null
          ? this.#reduceResident(this.#resident, block, group)
          : this.#reduceHost(block, group, shard);
      if (!this.#shared.has(block)) squares.push({ block, fromChunk: shard.from / CHUNK, values });
    }
    this.#shared.announce(step);
    for (const peer of this.#remote)
      for (const [block, group] of this.#groups)
        if (group.includes(peer)) this.#mirrors.send(peer, this.#me.reduced, block, this.#shardOf(block, this.#me));
    for (const peer of this.peers) signals.ring('R', step, peer);
    return squares;
  }

  /**
   * Adds up the gradients of shared parameters, when all stages of this worker have reduced; returns the sums of
   * squares of the chunks of their blocks that this stage owns.
   */
  async combine(step: number): Promise<ChunkSquares[]> {
    await this.#shared.combine(step);
    return [...this.#groups.keys()]
      .filter((block) => this.#shared.has(block))
      .map((block) => ({ block, ...this.#shardOf(block, this.#me) }))
      .filter(({ from, to }) => to > from)
      .map(({ block, from, to }) => ({
        block,
        fromChunk: from / CHUNK,
        values: this.#shared.squares(block, from, to),
      }));
  }

  /** Waits until every member has reduced its shards and has read this worker's sums. */
  async settled(step: number): Promise<void> {
    for (const peer of this.peers) await this.#options.signals.arrived('R', step, peer);
    if (this.#resident === null) return;
    for (const [block, group] of this.#groups)
      for (const member of group) if (member !== this.#me) this.#takeReduced(this.#resident, block, member);
  }

  /**
   * The reduced gradient of a block, shard by shard, each in its parts, in order; of a block that is frozen that of
   * its parameters that train elsewhere.
   */
  shards(block: number): ReducedShard[] {
    const shared = this.#shared.shards(block);
    if (!this.#groups.has(block)) return shared;
    return [...this.#ownShards(block).flatMap((shard) => without(shard, shared)), ...shared].sort(
      (a, b) => a.from - b.from,
    );
  }

  #ownShards(block: number): ReducedShard[] {
    const { dense, length } = this.#options.layoutOf(block);
    if (this.#resident !== null)
      return length === 0 ? [] : [{ from: 0, to: length, data: this.#resident.reduced(block) }];
    return present(this.#groups.get(block), `group of block ${block}`)
      .flatMap((member) => {
        const shard = this.#shardOf(block, member);
        const runs = dense.map((run) => {
          const { from, to } = overlap(run, shard);
          const at = member.denseAt(member.reduced, block, run.at + from - run.from);
          return { from, to, data: member.range(at, to - from) };
        });
        const tables = member.tables(member.reduced, block).map((one) => ({ ...one, ...overlap(one.table, shard) }));
        return [...runs, ...tables];
      })
      .filter(({ from, to }) => to > from);
  }

  #slot(index: number): SlotSums {
    if (this.#resident !== null)
      return {
        dense: this.#resident.slot(index),
        tables: [],
        takeRows: ({ name }) => invariant(false, () => `rows of ${name} come from a device`),
      };
    const tables = this.#me.tables(index);
    return {
      dense: this.#me.dense(index),
      tables,
      takeRows: ({ block, name }, indices, values) => {
        const place = tables.find(({ table }) => table.block === block && table.name === name);
        this.#rowAdder.gather(present(place, `table ${name} of block ${block}`).rows, indices, values);
      },
    };
  }

  #openResident({ device, layoutOf }: ExchangeOptions): ResidentSums | null {
    if (device == null) return null;
    const { from, to } = this.#me;
    for (let block = from; block < to; block++)
      invariant(
        layoutOf(block).tables.length === 0,
        () => `block ${block} has row tables, its gradient is on a device`,
      );
    return new ResidentSums({ executor: device, from, to, layoutOf, isAlone: this.peers.length === 0 });
  }

  /** Brings the sums of this stage to where the other members find them. */
  #bringSums(resident: ResidentSums): void {
    const { layoutOf } = this.#options;
    for (const [slot] of this.#nodesOf(this.#me).entries())
      for (const block of this.#groups.keys())
        resident.download(slot, block, this.#me.range(this.#me.denseAt(slot, block, 0), layoutOf(block).length));
  }

  /** Reduces this stage's shard of a block, and returns the sums of squares of its chunks. */
  #reduceHost(block: number, group: readonly GroupMember[], shard: Range): number[] {
    const layout = this.#options.layoutOf(block);
    for (const run of layout.dense) this.#reduceRun(block, group, run, shard);
    for (const [i, table] of layout.tables.entries()) this.#reduceTable(block, group, i, rowsIn(table, shard));
    if (this.#shared.has(block)) return [];
    const { reduced } = this.#me;
    const dense = this.#me.range(this.#me.denseAt(reduced, block, 0), layout.denseLength);
    return this.#squares.of({ layout, dense, tables: this.#me.tables(reduced, block) }, shard.from, shard.to);
  }

  /** As `reduceHost`. */
  #reduceResident(resident: ResidentSums, block: number, group: readonly GroupMember[]): number[] {
    const { from, to } = this.#shardOf(block, this.#me);
    if (this.peers.length > 0) {
      for (const run of this.#options.layoutOf(block).dense) this.#reduceRun(block, group, run, { from, to });
      this.#takeReduced(resident, block, this.#me);
    }
    if (this.#shared.has(block)) {
      if (this.peers.length === 0)
        resident.reduced(block).download(this.#me.range(this.#me.denseAt(this.#me.reduced, block, 0), to));
      return [];
    }
    return [...resident.memory.sumsOfSquares(resident.reduced(block).subarray(from, to), CHUNK)];
  }

  /** Brings what a member has reduced of a block to the device. */
  #takeReduced(resident: ResidentSums, block: number, member: GroupMember): void {
    const { from, to } = this.#shardOf(block, member);
    if (to > from)
      resident
        .reduced(block)
        .subarray(from, to)
        .upload(member.range(member.denseAt(member.reduced, block, from), to - from));
  }

  /** Adds up what is in `shard` of a run of elements of a block. */
  #reduceRun(block: number, group: readonly GroupMember[], run: DenseRun, shard: Range): void {
    const { from, to } = overlap(run, shard);
    if (to <= from) return;
    const dataOf = (member: GroupMember, part: number): Float32Array =>
      member.range(member.denseAt(part, block, run.at + from - run.from), to - from);
    const sums = group.flatMap((member) =>
      this.#nodesOf(member).map((node, slot) => ({ node, data: dataOf(member, slot) })),
    );
    const { plan, adder } = this.#options;
    combine(sums, plan.numMicroBatches, { from: 0, to: to - from }, dataOf(this.#me, this.#me.reduced), 0, adder);
  }

  /** Adds up rows [from, to) of table `index` of a block. */
  #reduceTable(block: number, group: readonly GroupMember[], index: number, { from, to }: Range): void {
    const setOf = (member: GroupMember, part: number): RowSet =>
      present(member.tables(part, block)[index], `table ${index} of block ${block}`).rows;
    const sums = group.flatMap((member) =>
      this.#nodesOf(member).map((node, slot) => ({ node, rows: setOf(member, slot).between(from, to) })),
    );
    this.#rowAdder.combine(sums, this.#options.plan.numMicroBatches, setOf(this.#me, this.#me.reduced));
  }

  get #remote(): GroupMember[] {
    return [...this.#members.values()].filter(({ isRemote }) => isRemote);
  }

  #nodesOf(member: GroupMember): readonly TreeNode[] {
    return present(this.#nodes.get(member), 'sums');
  }

  /** What a member reduces of a block. */
  #shardOf(block: number, member: GroupMember): Range {
    const group = present(this.#groups.get(block), `group of block ${block}`);
    return shardOf(block, this.#options.layoutOf(block).length, group.indexOf(member), group.length);
  }

  #fileOf(holder: Holder): string {
    const { folder, plan } = this.#options;
    return gradientsFile(folder, holder.worker, plan.generation, holder.stage);
  }

  close(): void {
    this.#me.unlink();
    this.#shared.close();
    for (const member of this.#remote) this.#mirrors.leave(member);
    for (const member of this.#members.values()) member.close();
    this.#resident?.free();
  }
}

/** What is left of a shard beside those that come from elsewhere; these lie in no row table. */
function without(shard: ReducedShard, others: readonly Range[]): ReducedShard[] {
  if (!('data' in shard)) return [shard];
  let { from } = shard;
  const left: ReducedShard[] = [];
  for (const other of [...others, { from: shard.to, to: shard.to }]) {
    const to = Math.min(shard.to, other.from);
    if (to > from) left.push({ from, to, data: shard.data.subarray(from - shard.from, to - shard.from) });
    from = Math.max(from, other.to);
  }
  return left;
}
