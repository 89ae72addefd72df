// PairQueue: pairs of tokens, the most frequent one first; of equally frequent ones that with the lower ids. Counts are
// as they were when a pair was pushed.

export interface QueuedPair {
  /** See pairKey. */
  readonly key: number;
  readonly count: number;
  /** Words that have it. */
  readonly at: readonly number[];
}

/** Above any id. */
const IDS = 2 ** 26;

/** Pairs in the order of their first ids, then of their second ones. */
export const pairKey = (first: number, second: number): number => first * IDS + second;

const isBefore = (a: QueuedPair, b: QueuedPair): boolean => (a.count !== b.count ? a.count > b.count : a.key < b.key);

/** A binary heap. */
export class PairQueue {
  readonly #heap: QueuedPair[] = [];

  push(pair: QueuedPair): void {
    const heap = this.#heap;
    let at = heap.push(pair) - 1;
    while (at > 0) {
      const above = (at - 1) >> 1;
      if (!isBefore(pair, heap[above] as QueuedPair)) break;
      heap[at] = heap[above] as QueuedPair;
      at = above;
    }
    heap[at] = pair;
  }

  /** The first pair, taken out, or null. */
  pop(): (QueuedPair & { readonly pair: readonly [number, number] }) | null {
    const heap = this.#heap;
    const top = heap[0];
    const last = heap.pop();
    if (top === undefined || last === undefined) return null;
    if (heap.length > 0) this.#sink(last);
    return { ...top, pair: [Math.floor(top.key / IDS), top.key % IDS] };
  }

  #sink(pair: QueuedPair): void {
    const heap = this.#heap;
    let at = 0;
    for (;;) {
      let below = 2 * at + 1;
      if (below >= heap.length) break;
      if (below + 1 < heap.length && isBefore(heap[below + 1] as QueuedPair, heap[below] as QueuedPair)) below++;
      if (!isBefore(heap[below] as QueuedPair, pair)) break;
      heap[at] = heap[below] as QueuedPair;
      at = below;
    }
    heap[at] = pair;
  }
}
