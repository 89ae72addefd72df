// SlabSquares: sums of squares of the chunks of a reduced gradient whose row tables are kept by rows. What is left out
// are zeros, and they come in runs of whole groups of the sums (row-table.ts), so every element goes to the sum that it
// would go to among them: the bits are those of the whole slab.
import { CHUNK, chunkSquares } from '../comm/chunks.js';
import type { GradientLayout } from '../model/gradient-layout.js';
import type { VectorAdder } from '../tensor/vector-adder.js';
import type { TableRows } from './group-member.js';

/** The reduced gradient of a block. */
export interface ReducedBlock {
  readonly layout: GradientLayout;
  /** What it has besides its row tables. */
  readonly dense: Float32Array;
  readonly tables: readonly TableRows[];
}

export class SlabSquares {
  readonly #adder: VectorAdder;
  readonly #chunk = new Float32Array(CHUNK);

  constructor(adder: VectorAdder) {
    this.#adder = adder;
  }

  /** Of elements [from, to) of the slab, which begin with a chunk: one per chunk, in float64. */
  of(block: ReducedBlock, from: number, to: number): number[] {
    const { layout, dense } = block;
    if (layout.tables.length === 0)
      return [...chunkSquares(dense.subarray(from, to), 0, Math.ceil((to - from) / CHUNK), this.#adder)];
    return Array.from({ length: Math.ceil((to - from) / CHUNK) }, (_, i) =>
      this.#ofChunk(piecesOf(block, from + i * CHUNK, Math.min(from + (i + 1) * CHUNK, to))),
    );
  }

  #ofChunk(pieces: readonly Float32Array[]): number {
    const [only, ...others] = pieces;
    if (only === undefined) return 0;
    if (others.length === 0) return this.#adder.sumOfSquares(only);
    let length = 0;
    for (const piece of pieces) {
      this.#chunk.set(piece, length);
      length += piece.length;
    }
    return this.#adder.sumOfSquares(this.#chunk.subarray(0, length));
  }
}

/** What elements [from, to) of the slab have besides rows of zeros, in order. */
function piecesOf({ layout, dense, tables }: ReducedBlock, from: number, to: number): Float32Array[] {
  const runs = layout.dense.map((run) => ({
    ...run,
    data: (begin: number, end: number) => dense.subarray(run.at + begin, run.at + end),
  }));
  const rows = tables.map(({ table, rows: set }) => ({
    ...table,
    data(begin: number, end: number): Float32Array {
      const { width } = table;
      const [first, last] = [Math.floor(begin / width), Math.ceil(end / width)];
      const { ids, values } = set.between(first, last);
      // The chunk may cut the first row and the last one.
      const head = ids[0] === first ? begin - first * width : 0;
      const tail = ids.at(-1) === last - 1 ? last * width - end : 0;
      return values.subarray(head, values.length - tail);
    },
  }));
  return [...runs, ...rows]
    .sort((a, b) => a.from - b.from)
    .filter((part) => part.from < to && from < part.to)
    .map((part) => part.data(Math.max(from, part.from) - part.from, Math.min(to, part.to) - part.from))
    .filter(({ length }) => length > 0);
}
