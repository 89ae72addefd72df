// SharedGradients: the gradients of those parameters of a stage that several blocks use. Every block has its own part
// of such a gradient, reduced over micro-batches and replicas like any other; the parts are added here in the order of
// the blocks, so that the sum depends neither on where the pipeline is cut nor on how many replicas there are. Whoever
// has a place for the parameter makes the whole sum, since all of them update their copies alike: the stages of all
// blocks that use it, and those that hold such a block frozen, which has no part in it and learns all the same.
import { CHUNK, numChunks, type Range } from '../comm/chunks.js';
import { present } from '../core/invariant.js';
import { type Holder, holdersOf, type Plan } from '../core/plan.js';
import type { GradientLayout } from '../model/gradient-layout.js';
import type { SharedParameter } from '../model/shared-parameters.js';
import { ALIGNMENT } from '../model/slab.js';
import type { DeviceBuffer, DeviceMemory, Vector } from '../tensor/device-memory.js';
import type { VectorAdder } from '../tensor/vector-adder.js';
import { GroupMember } from './group-member.js';
import { shardOf } from './shards.js';

/** Doorbells between those that have a place for a parameter: `S` my reduced shards of it are there. */
export interface SharedSignals {
  arrived(kind: 'S', step: number, from: Holder): Promise<void>;
  ring(kind: 'S', step: number, to: Holder): void;
}

/** Stages on other hosts, as far as sums of shared gradients need them; see RemoteMembers. */
export interface SharedRemote {
  sharesMemory(worker: string): boolean;
  mapping<T>(worker: string, map: () => T): T;
  land(place: string, worker: string, mirror: Float32Array): void;
  leave(place: string): void;
  write(worker: string, place: string, data: Float32Array, offset: number): void;
}

export interface SharedGradientsOptions {
  readonly plan: Plan;
  /** The stage whose gradients these are, and where its own ones lie. */
  readonly me: GroupMember;
  readonly parameters: readonly SharedParameter[];
  /** Gradients of blocks with shared parameters have no row tables. */
  readonly layoutOf: (block: number) => GradientLayout;
  readonly fileOf: (holder: Holder) => string;
  readonly signals: SharedSignals;
  readonly remote: SharedRemote;
  readonly adder: VectorAdder;
  /** Where updates are computed, if not in the memory of the host. */
  readonly memory: DeviceMemory | null;
}

/** A part of the gradient of a parameter: that of one block. */
interface Part {
  readonly block: number;
  /** Elements [from, to) of the slab of the block, the padding behind the parameter included. */
  readonly from: number;
  readonly to: number;
  /** Where every replica has reduced its shard of it. */
  readonly shards: readonly (Range & { readonly holder: Holder })[];
}

/** The gradient of a parameter. */
interface Sum {
  /** The block whose learning rate counts. */
  readonly of: number;
  /** Those of the blocks that train, ascending. */
  readonly parts: readonly Part[];
  /** The places of the parameter in the blocks that this stage holds, and whether its squares count there. */
  readonly places: readonly (Range & { readonly block: number; readonly counts: boolean })[];
  readonly total: Float32Array;
  readonly device: DeviceBuffer | null;
}

/** Elements of a slab, and where their gradient lies. */
export interface SharedShard extends Range {
  readonly data: Vector;
  /** The block whose learning rate counts. */
  readonly of: number;
}

export class SharedGradients {
  readonly #options: SharedGradientsOptions;
  readonly #sums: readonly Sum[];
  /** The other stages that this one rings, and those that ring it. */
  readonly #listeners: readonly Holder[];
  readonly #contributors: readonly Holder[];
  /** Where the shards of other stages lie, by `keyOf`: mapped memory, or of a part a mirror of what was sent. */
  readonly #members = new Map<string, GroupMember>();
  readonly #mirrors = new Map<string, Float32Array>();
  readonly #chunk = new Float32Array(CHUNK);

  constructor(options: SharedGradientsOptions) {
    this.#options = options;
    const { plan, me, parameters } = options;
    const contributors = new Map<string, Holder>();
    const listeners = new Map<string, Holder>();
    const sums: Sum[] = [];
    for (const uses of parameters) {
      const trained = uses.filter(({ block }) => block >= plan.frozen);
      const holders = uses.flatMap(({ block }) => holdersIn(plan, block));
      if (trained.length === 0 || !holders.some((holder) => isSame(holder, me.holder))) continue;
      const partners = trained.flatMap(({ block }) => holdersOf(plan, block));
      for (const holder of partners) if (!isSame(holder, me.holder)) contributors.set(keyOf(holder), holder);
      if (partners.some((holder) => isSame(holder, me.holder)))
        for (const holder of holders) if (!isSame(holder, me.holder)) listeners.set(keyOf(holder), holder);
      sums.push(this.#sumOf(uses));
    }
    this.#sums = sums;
    this.#contributors = [...contributors.values()];
    this.#listeners = [...listeners.values()];
    this.#landAll();
  }

  /** Whether this stage has any. */
  get isEmpty(): boolean {
    return this.#sums.length === 0;
  }

  /** The workers of the other stages. */
  get contacts(): string[] {
    return [...this.#listeners, ...this.#contributors].map(({ worker }) => worker);
  }

  /** Whether a block of this stage has a part in any. */
  has(block: number): boolean {
    return this.#sums.some(({ parts }) => parts.some((part) => part.block === block));
  }

  /** Maps the memory of the other stages; to be called when all of it exists. */
  open(): void {
    const { plan, layoutOf, fileOf, remote } = this.#options;
    for (const holder of this.#contributors) {
      if (!remote.sharesMemory(holder.worker)) continue;
      const member = new GroupMember(plan, holder, layoutOf, false);
      remote.mapping(holder.worker, () => member.open(fileOf(holder)));
      this.#members.set(keyOf(holder), member);
    }
  }

  /** Shows the other stages what this one has reduced. */
  announce(step: number): void {
    const { me, remote, signals } = this.#options;
    for (const listener of this.#listeners)
      if (!remote.sharesMemory(listener.worker))
        for (const [part, shard] of this.#partsOf(me.holder)) {
          const data = me.range(me.denseAt(me.reduced, part.block, shard.from), shard.to - shard.from);
          remote.write(listener.worker, this.#placeOf(me.holder, part, listener), data, shard.from - part.from);
        }
    for (const listener of this.#listeners) signals.ring('S', step, listener);
  }

  /** Adds the parts up, once all stages of this worker have announced theirs. */
  async combine(step: number): Promise<void> {
    for (const contributor of this.#contributors) await this.#options.signals.arrived('S', step, contributor);
    for (const { parts, total, device } of this.#sums) {
      for (const [index, part] of parts.entries())
        for (const shard of part.shards) {
          if (shard.to <= shard.from) continue;
          const into = total.subarray(shard.from - part.from, shard.to - part.from);
          const data = this.#dataOf(part, shard);
          if (index === 0) into.set(data);
          else this.#options.adder.add(into, into, data);
        }
      device?.upload(total);
    }
  }

  /**
   * Sums of squares of the chunks of a block in [from, to), which begins with a chunk, after `combine`. A sum is in
   * those of the first block that trains it, and in no others.
   */
  squares(block: number, from: number, to: number): number[] {
    const { me, adder } = this.#options;
    return Array.from({ length: numChunks(to - from) }, (_, i) => {
      const begin = from + i * CHUNK;
      const chunk = this.#chunk.subarray(0, Math.min(CHUNK, to - begin));
      chunk.set(me.range(me.denseAt(me.reduced, block, begin), chunk.length));
      for (const { total, places } of this.#sums)
        for (const place of places.filter((one) => one.block === block)) {
          const [first, last] = [Math.max(place.from, begin), Math.min(place.to, begin + chunk.length)];
          if (last <= first) continue;
          const into = chunk.subarray(first - begin, last - begin);
          if (place.counts) into.set(total.subarray(first - place.from, last - place.from));
          else into.fill(0);
        }
      return adder.sumOfSquares(chunk);
    });
  }

  /** The sums for the places of a block, by ascending elements of its slab. */
  shards(block: number): SharedShard[] {
    return this.#sums
      .flatMap(({ places, total, device, of }) =>
        places
          .filter((place) => place.block === block)
          .map(({ from, to }) => ({ from, to, data: device ?? total, of })),
      )
      .sort((a, b) => a.from - b.from);
  }

  close(): void {
    const { me, remote } = this.#options;
    for (const holder of this.#contributors)
      for (const [part] of this.#partsOf(holder)) remote.leave(this.#placeOf(holder, part, me.holder));
    for (const member of this.#members.values()) member.close();
    for (const { device } of this.#sums) device?.free();
  }

  #sumOf(uses: SharedParameter): Sum {
    const { plan, me, layoutOf, memory } = this.#options;
    const placeIn = ({ block, name }: SharedParameter[number]): Range & { readonly block: number } => {
      const entry = present(
        layoutOf(block).entries.find((one) => one.name === name),
        `gradient of ${name} of block ${block}`,
      );
      return { block, from: entry.offset, to: Math.ceil((entry.offset + entry.size) / ALIGNMENT) * ALIGNMENT };
    };
    const trained = uses.filter(({ block }) => block >= plan.frozen);
    const parts = trained.map(placeIn).map(({ block, from, to }): Part => {
      const holders = holdersOf(plan, block);
      const shards = holders.map((holder) => {
        const shard = shardOf(block, layoutOf(block).length, holder.replica, holders.length);
        return { holder, from: Math.max(shard.from, from), to: Math.min(shard.to, to) };
      });
      return { block, from, to, shards };
    });
    const places = uses
      .filter(({ block }) => holdersIn(plan, block).some((holder) => isSame(holder, me.holder)))
      .map((use) => ({ ...placeIn(use), counts: use === trained[0] }));
    const length = present(parts[0], 'part').to - present(parts[0], 'part').from;
    const of = present(uses[0], 'use').block;
    return { of, parts, places, total: new Float32Array(length), device: memory?.allocate('float32', length) ?? null };
  }

  #landAll(): void {
    const { me, remote } = this.#options;
    for (const holder of this.#contributors)
      if (!remote.sharesMemory(holder.worker))
        for (const [part] of this.#partsOf(holder)) {
          const mirror = new Float32Array(part.to - part.from);
          const place = this.#placeOf(holder, part, me.holder);
          this.#mirrors.set(place, mirror);
          remote.land(place, holder.worker, mirror);
        }
  }

  /** The parts of which a stage has reduced a shard, and which. */
  #partsOf(holder: Holder): [Part, Range][] {
    return this.#sums.flatMap(({ parts }) =>
      parts.flatMap((part) =>
        part.shards.flatMap((shard): [Part, Range][] =>
          isSame(shard.holder, holder) && shard.to > shard.from ? [[part, shard]] : [],
        ),
      ),
    );
  }

  /** What a stage has reduced of its shard of a part. */
  #dataOf(part: Part, { holder, from, to }: Part['shards'][number]): Float32Array {
    const { me } = this.#options;
    const member = isSame(holder, me.holder) ? me : this.#members.get(keyOf(holder));
    if (member !== undefined) return member.range(member.denseAt(member.reduced, part.block, from), to - from);
    const mirror = present(this.#mirrors.get(this.#placeOf(holder, part, me.holder)), 'mirror of a shared gradient');
    return mirror.subarray(from - part.from, to - part.from);
  }

  /** Where a stage writes its shard of a part for another one. */
  #placeOf(of: Holder, { block, from }: Part, at: Holder): string {
    return `shared ${this.#options.plan.generation} ${of.worker} ${of.stage} ${at.stage} ${block} ${from}`;
  }
}

const keyOf = ({ worker, stage }: Holder): string => `${worker} ${stage}`;

const isSame = (a: Holder, b: Holder): boolean => keyOf(a) === keyOf(b);

/** The stages that have a place for the parameters of a block: those that train it, or where it is frozen the first. */
const holdersIn = (plan: Plan, block: number): Holder[] =>
  block >= plan.frozen
    ? holdersOf(plan, block)
    : plan.replicas.map(({ stages }, replica) => ({ replica, stage: 0, worker: present(stages[0], 'stage 0').worker }));
