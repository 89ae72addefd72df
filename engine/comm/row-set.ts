// RowSet: the gradient of a table of which few rows were read: the numbers of the rows that have one, in ascending
// order, and their values. Every row that it does not name is +0. It lies in memory that is given, so that others may
// map it; how sets are added is in row-sums.ts.
import { invariant } from '../core/invariant.js';
import { lowerBound } from '../tensor/row-update.js';

/** Rows in ascending order, and their values one behind the other. */
export interface Rows {
  readonly ids: Int32Array;
  readonly values: Float32Array;
}

/** What a set is of. */
export interface TableShape {
  /** Of the whole table. */
  readonly rows: number;
  /** Elements of a row. */
  readonly width: number;
}

/** Elements before the ids, of which the first is the number of rows; with them everything starts at 64 bytes. */
const HEAD = 16;
const align = (n: number): number => Math.ceil(n / HEAD) * HEAD;

export class RowSet {
  readonly table: TableShape;
  /** Rows that it has room for. */
  readonly capacity: number;
  readonly #head: Int32Array;
  readonly #ids: Int32Array;
  readonly #values: Float32Array;

  /** Elements of float32 that a set of so many rows takes. */
  static size(capacity: number, width: number): number {
    return HEAD + align(capacity) + align(capacity * width);
  }

  /** Over `memory` of `size` elements; zeros are the empty set. */
  constructor(memory: Float32Array, table: TableShape, capacity: number) {
    invariant(
      memory.length === RowSet.size(capacity, table.width),
      () => `${memory.length} elements for ${capacity} rows of ${table.width}`,
    );
    this.table = table;
    this.capacity = capacity;
    const { buffer, byteOffset } = memory;
    this.#head = new Int32Array(buffer, byteOffset, HEAD);
    this.#ids = new Int32Array(buffer, byteOffset + HEAD * Int32Array.BYTES_PER_ELEMENT, capacity);
    this.#values = memory.subarray(HEAD + align(capacity), HEAD + align(capacity) + capacity * table.width);
  }

  /** A set in memory of its own. */
  static withRoomFor(capacity: number, table: TableShape): RowSet {
    return new RowSet(new Float32Array(RowSet.size(capacity, table.width)), table, capacity);
  }

  /** Rows in it. */
  get count(): number {
    const count = this.#head[0] as number;
    invariant(count >= 0 && count <= this.capacity, () => `${count} rows in room for ${this.capacity}`);
    return count;
  }

  /** All rows in it. */
  get all(): Rows {
    const { count } = this;
    return { ids: this.#ids.subarray(0, count), values: this.#values.subarray(0, count * this.table.width) };
  }

  /** Those of the rows [from, to) of the table that are in it. */
  between(from: number, to: number): Rows {
    return rowsBetween(this.all, this.table.width, from, to);
  }

  /** Room for `count` rows, which are to be written: ids first ascending, then values. Nothing is copied or cleared. */
  resize(count: number): Rows {
    invariant(count <= this.capacity, () => `${count} rows for room of ${this.capacity}`);
    this.#head[0] = count;
    return this.all;
  }
}

/** Those of `rows` whose numbers are in [from, to). */
function rowsBetween({ ids, values }: Rows, width: number, from: number, to: number): Rows {
  const [begin, end] = [lowerBound(ids, from), lowerBound(ids, to)];
  return { ids: ids.subarray(begin, end), values: values.subarray(begin * width, end * width) };
}
