// RowSums: sums of row sets, to the bits of the sums of the whole tables: where one of two tables has a row and the
// other has not, +0 is added to it, as there; where neither has it, +0 + +0 is +0 and nothing is done. The order of
// additions is that of the tree, or for rows of one number that of their indices.
import { invariant } from '../core/invariant.js';
import { NO_ROW, type VectorAdder } from '../tensor/vector-adder.js';
import { type Rows, RowSet } from './row-set.js';
import { additionsOf, RESULT, type TreeNode } from './tree.js';

/** A node of the tree with its sum of a table, or with some rows of it. */
export interface RowSubtotal {
  readonly node: TreeNode;
  readonly rows: Rows;
}

export class RowAdder {
  readonly #adder: VectorAdder;
  /** By row of a table, its place in a set; undefined content. */
  #places = new Int32Array(0);
  #sums = new Int32Array(0);
  readonly #scratch: RowSet[] = [];

  constructor(adder: VectorAdder) {
    this.#adder = adder;
  }

  /**
   * Makes `set` the sum of `values`, one row per index, by index: rows of one index are added to +0 in their order. No
   * sum that begins with +0 is ever -0.
   */
  gather(set: RowSet, indices: Int32Array, values: Float32Array): void {
    const { rows, width } = set.table;
    const sorted = indices.slice().sort();
    invariant(
      (sorted[0] ?? 0) >= 0 && (sorted.at(-1) ?? 0) < rows,
      () => `rows ${sorted[0]} to ${sorted.at(-1)} of a table of ${rows}`,
    );
    if (this.#places.length < rows) this.#places = new Int32Array(rows);
    const places = this.#places;
    let count = 0;
    for (let i = 0; i < sorted.length; i++) {
      const id = sorted[i] as number;
      if (i > 0 && id === sorted[i - 1]) continue;
      sorted[count] = id;
      // The complement of a place says that nothing was added there yet.
      places[id] = ~count++;
    }
    const to = set.resize(count);
    to.ids.set(sorted.subarray(0, count));
    const sums = this.#sumsOf(indices.length);
    for (let i = 0; i < indices.length; i++) {
      const id = indices[i] as number;
      const known = places[id] as number;
      const place = known < 0 ? ~known : known;
      places[id] = place;
      sums[3 * i] = place;
      sums[3 * i + 1] = known < 0 ? NO_ROW : place;
      sums[3 * i + 2] = i;
    }
    this.#adder.addRows({ target: to.values, a: to.values, b: values, width, sums });
  }

  /** left = left + right. */
  addInto(left: RowSet, right: Rows): void {
    const before = left.all;
    const count = unionSize(before.ids, right.ids);
    const { ids, values } = left.resize(count);
    const sums = this.#sumsOf(count);
    // From the end, so that no row is written over before it is read.
    let [i, j] = [before.ids.length - 1, right.ids.length - 1];
    for (let place = count - 1, k = 0; place >= 0; place--, k += 3) {
      const [a, b] = [i < 0 ? -1 : (ids[i] as number), j < 0 ? -1 : (right.ids[j] as number)];
      sums[k] = place;
      sums[k + 1] = a >= b ? i-- : NO_ROW;
      sums[k + 2] = b >= a ? j-- : NO_ROW;
      ids[place] = Math.max(a, b);
    }
    this.#adder.addRows({ target: values, a: values, b: right.values, width: left.table.width, sums });
  }

  /**
   * Adds the rows of the nodes of all owners (in order, covering [0, G) exactly) up to the root, into `out`. What is
   * left out of one node must be left out of all.
   */
  combine(nodes: readonly RowSubtotal[], G: number, out: RowSet): void {
    const { additions } = additionsOf(
      nodes.map(({ node }) => node),
      G,
    );
    const given = nodes.map(({ rows }) => rows);
    const room = Math.min(
      out.table.rows,
      given.reduce((sum, { ids }) => sum + ids.length, 0),
    );
    const [only] = given;
    if (additions.length === 0 && only !== undefined) {
      const to = out.resize(only.ids.length);
      to.ids.set(only.ids);
      to.values.set(only.values);
    }
    const at = (place: number): RowSet => (place === RESULT ? out : this.#scratchAt(-1 - place, out, room));
    for (const { target, left, right } of additions) {
      const b = right >= 0 ? (given[right] as Rows) : at(right).all;
      if (target === left) this.addInto(at(target), b);
      else this.#add(at(target), left >= 0 ? (given[left] as Rows) : at(left).all, b);
    }
  }

  /** out = a + b; `out` is neither. */
  #add(out: RowSet, a: Rows, b: Rows): void {
    const count = unionSize(a.ids, b.ids);
    const { ids, values } = out.resize(count);
    const sums = this.#sumsOf(count);
    let [i, j] = [0, 0];
    for (let place = 0, k = 0; place < count; place++, k += 3) {
      const [left, right] = [a.ids[i] ?? Infinity, b.ids[j] ?? Infinity];
      sums[k] = place;
      sums[k + 1] = left <= right ? i++ : NO_ROW;
      sums[k + 2] = right <= left ? j++ : NO_ROW;
      ids[place] = Math.min(left, right);
    }
    this.#adder.addRows({ target: values, a: a.values, b: b.values, width: out.table.width, sums });
  }

  /** A set for partial sums at a depth of the tree. */
  #scratchAt(depth: number, { table }: RowSet, room: number): RowSet {
    const known = this.#scratch[depth];
    const isFitting = known !== undefined && known.capacity >= room && known.table.width === table.width;
    return isFitting ? known : (this.#scratch[depth] = RowSet.withRoomFor(room, table));
  }

  #sumsOf(count: number): Int32Array {
    if (this.#sums.length < 3 * count) this.#sums = new Int32Array(3 * count);
    return this.#sums.subarray(0, 3 * count);
  }
}

/** Different numbers in two ascending lists. */
function unionSize(a: Int32Array, b: Int32Array): number {
  let count = 0;
  for (let i = 0, j = 0; i < a.length || j < b.length; count++) {
    const [left, right] = [a[i] ?? Infinity, b[j] ?? Infinity];
    if (left <= right) i++;
    if (right <= left) j++;
  }
  return count;
}
