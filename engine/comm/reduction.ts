// Reduction: sums of gradients in the order of the tree (tree.ts), exact to the bit. It moves no data between workers:
// it adds what it is given.
import { invariant, present } from '../core/invariant.js';
import { HostAdder, type VectorAdder } from '../tensor/vector-adder.js';
import type { Range } from './chunks.js';
import { additionsOf, applyToNames, climbTop, RESULT, slotCount, type TreeNode } from './tree.js';

export { CHUNK, chunkSquares, numChunks, type Range, shardChunks } from './chunks.js';
export { coverOf, decompose, rootLevel, slotCount, type TreeNode } from './tree.js';

/** A node of the tree with its sum. */
export interface Subtotal {
  readonly node: TreeNode;
  readonly data: Float32Array;
}

/**
 * Sums the gradients of micro-batches [start, start + count) as they come, in ascending order, like a binary counter:
 * at any time it holds the nodes that cover what has come. The gradient is written straight into a slot, so nothing is
 * copied. Slots are used as a stack: at the end slot k holds node k of `decompose(start, count, G)`.
 */
export class TreeAccumulator<Slot> {
  readonly G: number;
  readonly start: number;
  readonly count: number;
  /** Slots that exist: `slotCount(start, count, G)`. */
  readonly numSlots: number;
  readonly #provide: (index: number) => Slot;
  readonly #addInto: (left: Slot, right: Slot) => void;
  readonly #slots: (Slot | undefined)[];
  readonly #row: TreeNode[] = [];
  #next: number;

  /**
   * `slots` gives the buffer of a slot; asked once per slot, when it is first needed. `addInto` makes left + right of
   * left.
   */
  constructor(
    G: number,
    start: number,
    count: number,
    slots: (index: number) => Slot,
    addInto: (left: Slot, right: Slot) => void,
  ) {
    invariant(
      start >= 0 && count >= 1 && start + count <= G,
      () => `micro-batches [${start}, ${start + count}) are no part of ${G}`,
    );
    this.G = G;
    this.start = start;
    this.count = count;
    this.numSlots = slotCount(start, count, G);
    this.#provide = slots;
    this.#addInto = addInto;
    this.#slots = new Array<Slot | undefined>(this.numSlots).fill(undefined);
    this.#next = start;
  }

  /** The slot that takes the next micro-batch. */
  get freeSlot(): number {
    invariant(!this.isComplete, () => `all ${this.count} micro-batches have come`);
    return this.#row.length;
  }

  get isComplete(): boolean {
    return this.#next === this.start + this.count;
  }

  /** The buffer of a slot. */
  slot(index: number): Slot {
    invariant(index >= 0 && index < this.numSlots, () => `slot ${index} of ${this.numSlots}`);
    return (this.#slots[index] ??= this.#provide(index));
  }

  /** The buffer for the gradient of the next micro-batch, with undefined content: write all of it, then `commit`. */
  acquire(): Slot {
    return this.slot(this.freeSlot);
  }

  /** Takes what was written into the acquired buffer as the gradient of `micro`, which must be the next one. */
  commit(micro: number): void {
    invariant(
      micro === this.#next && !this.isComplete,
      () => `micro-batch ${micro} comes where ${this.#next} of [${this.start}, ${this.start + this.count}) is due`,
    );
    const row = this.#row;
    row.push({ level: 0, index: micro });
    for (let move = climbTop(row, this.G); move !== 'stay'; move = climbTop(row, this.G)) {
      if (move === 'add') this.#addInto(this.slot(row.length - 2), this.slot(row.length - 1));
      applyToNames(row, move);
    }
    this.#next++;
  }

  /** Starts over, for the next step; the slots stay. */
  reset(): void {
    this.#row.length = 0;
    this.#next = this.start;
  }
}

/** Elements summed at a time, so that partial sums stay in the first-level cache. */
const TILE = 4096;

/**
 * Adds elements [from, to) of the nodes of all owners (in order, covering [0, G) exactly) up to the root, into
 * out[outFrom...]; `outFrom` is `from` unless given, so `out` may be a whole gradient, even one of the nodes' own
 * buffers. Bit-identical to what one owner of all micro-batches gets.
 */
export function combine(
  nodes: readonly Subtotal[],
  G: number,
  { from, to }: Range,
  out: Float32Array,
  outFrom: number = from,
  adder: VectorAdder = new HostAdder(),
): void {
  const { additions, scratch } = additionsOf(
    nodes.map(({ node }) => node),
    G,
  );
  const data = nodes.map((subtotal) => subtotal.data);
  for (const { length } of data) invariant(to <= length, () => `elements [${from}, ${to}) of a node of ${length}`);
  invariant(
    from <= to && outFrom >= 0 && outFrom + to - from <= out.length,
    () => `elements [${from}, ${to}) go to ${outFrom} of ${out.length}`,
  );
  if (additions.length === 0) {
    const only = present(data[0], 'node');
    if (only !== out || outFrom !== from) out.set(only.subarray(from, to), outFrom);
    return;
  }
  const tiles = Array.from({ length: scratch }, () => new Float32Array(Math.min(TILE, to - from)));
  for (let tile = from; tile < to; tile += TILE) {
    const length = Math.min(TILE, to - tile);
    const at = (place: number): Float32Array => {
      if (place >= 0) return (data[place] as Float32Array).subarray(tile, tile + length);
      return place === RESULT
        ? out.subarray(outFrom + tile - from, outFrom + tile - from + length)
        : (tiles[-1 - place] as Float32Array).subarray(0, length);
    };
    for (const { target, left, right } of additions) adder.add(at(target), at(left), at(right));
  }
}
