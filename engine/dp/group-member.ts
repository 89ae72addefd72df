// GroupMember: where one member of a training group, a stage of some replica, keeps its sums: everything follows from
// the plan and from how the gradients of its blocks are laid out. Of a member on another host it is a mirror of what
// that one has sent.
import { RowSet } from '../comm/row-set.js';
import { slotCount } from '../comm/tree.js';
import { present } from '../core/invariant.js';
import type { Holder, Plan } from '../core/plan.js';
import type { GradientLayout, PlacedTable } from '../model/gradient-layout.js';
import { mostRows } from '../model/row-table.js';
import { MappedFile } from '../tensor/mapped-file.js';

const BYTES = Float32Array.BYTES_PER_ELEMENT;

/** A table of one part of a member, and where its rows lie. */
interface RowPlace {
  readonly part: number;
  readonly block: number;
  readonly table: PlacedTable;
  readonly capacity: number;
  /** In elements, as `length`. */
  readonly from: number;
  readonly length: number;
}

/** The rows of a table. */
export interface TableRows {
  readonly table: PlacedTable;
  readonly rows: RowSet;
}

/**
 * Its parts are the slots of its sums, and behind them, as part `reduced`, the gradients that it has reduced, of which
 * only its own shards are ever written. First come those of all parts that are no row tables.
 */
export class GroupMember {
  readonly holder: Holder;
  /** Blocks [from, to). */
  readonly from: number;
  readonly to: number;
  readonly start: number;
  readonly count: number;
  readonly numSlots: number;
  /** Whether its memory is on another host. */
  readonly isRemote: boolean;
  readonly #layoutOf: (block: number) => GradientLayout;
  /** Elements of a part without its tables. */
  readonly #partLength: number;
  readonly #rowPlaces: readonly RowPlace[];
  readonly #length: number;
  #file: MappedFile | null = null;
  #memory: Float32Array | null = null;
  #sets = new Map<RowPlace, RowSet>();

  constructor(plan: Plan, holder: Holder, layoutOf: (block: number) => GradientLayout, isRemote: boolean) {
    this.holder = holder;
    this.isRemote = isRemote;
    const { start, count, stages } = present(plan.replicas[holder.replica], `replica ${holder.replica}`);
    const { from, to } = present(stages[holder.stage], `stage ${holder.stage}`);
    this.from = from;
    this.to = to;
    this.start = start;
    this.count = count;
    this.#layoutOf = layoutOf;
    this.numSlots = slotCount(start, count, plan.numMicroBatches);
    this.#partLength = this.offset(to);
    const places: RowPlace[] = [];
    let next = (this.numSlots + 1) * this.#partLength;
    for (let part = 0; part <= this.numSlots; part++)
      for (let block = from; block < to; block++)
        for (const table of layoutOf(block).tables) {
          const microBatches = part === this.reduced ? plan.numMicroBatches : count;
          const capacity = mostRows(table, microBatches);
          const length = RowSet.size(capacity, table.width);
          places.push({ part, block, table, capacity, from: next, length });
          next += length;
        }
    this.#rowPlaces = places;
    this.#length = next;
  }

  /** The part that holds what it has reduced. */
  get reduced(): number {
    return this.numSlots;
  }

  /** Elements from the start of the stage's gradient, without row tables, to that of a block. */
  offset(block: number): number {
    let offset = 0;
    for (let b = this.from; b < block; b++) offset += this.#layoutOf(b).denseLength;
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

  /** Memory like that of the member, of which only what it sends is ever touched; returned without the row sets. */
  mirror(): Float32Array {
    this.#memory = new Float32Array(this.#length);
    return this.#memory.subarray(0, (this.numSlots + 1) * this.#partLength);
  }

  /** A part without its row tables, the blocks one after another. */
  dense(part: number): Float32Array {
    return this.range(part * this.#partLength, this.#partLength);
  }

  /** Where in the memory element `at` of what a block has besides its row tables lies. */
  denseAt(part: number, block: number, at: number): number {
    return part * this.#partLength + this.offset(block) + at;
  }

  /** The rows of the tables of a block; default: of all blocks, in order. */
  tables(part: number, block: number | null = null): TableRows[] {
    return this.#rowPlaces
      .filter((place) => place.part === part && (block === null || place.block === block))
      .map((place) => ({ table: place.table, rows: this.#setAt(place) }));
  }

  range(from: number, length: number): Float32Array {
    return present(this.#memory, `gradients of ${this.holder.worker}`).subarray(from, from + length);
  }

  close(): void {
    this.#file?.close();
    this.#file = null;
    this.#memory = null;
    this.#sets.clear();
  }

  unlink(): void {
    this.#file?.unlink();
  }

  #setAt(place: RowPlace): RowSet {
    const known = this.#sets.get(place);
    if (known !== undefined) return known;
    const set = new RowSet(this.range(place.from, place.length), place.table, place.capacity);
    this.#sets.set(place, set);
    return set;
  }
}
